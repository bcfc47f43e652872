import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GatedFusion(nn.Module):
    r"""Gate that mixes two feature vectors (SIGA, Eq. of the character feature fusion).

    .. math::
        z = \sigma(W [a; b]), \quad f = z \odot \tanh(a) + (1 - z) \odot \tanh(b)

    Args:
        channels (int): Channels D of both inputs and of the output.
        squash (bool): Whether the inputs go through the tanh. Defaults to True.
    """

    def __init__(self, channels: int, squash: bool = True) -> None:
        super().__init__()
        self.channels = channels
        self.squash = torch.tanh if squash else _as_it_is
        self.gate = nn.Linear(2 * channels, channels)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(..., D), (..., D) -> (..., D)."""
        z = torch.sigmoid(self.gate(torch.cat([first, second], -1)))
        return z * self.squash(first) + (1 - z) * self.squash(second)

    def project_second(self, second: Tensor) -> tuple:
        """What the gate needs of the second input, for all steps at once."""
        projected = F.linear(second, self.gate.weight[:, self.channels:], self.gate.bias)
        return projected, self.squash(second)

    def fuse(self, first: Tensor, projected: Tensor, squashed: Tensor) -> Tensor:
        """:meth:`forward` with the second input prepared by :meth:`project_second`."""
        z = torch.sigmoid(F.linear(first, self.gate.weight[:, :self.channels]) + projected)
        return z * self.squash(first) + (1 - z) * squashed


def _as_it_is(x: Tensor) -> Tensor:
    return x

import torch
from torch import Tensor, nn


class GatedFusion(nn.Module):
    r"""Gate that mixes two feature vectors (SIGA, Eq. of the character feature fusion).

    .. math::
        z = \sigma(W [a; b]), \quad f = z \odot \tanh(a) + (1 - z) \odot \tanh(b)

    Without ``squash`` there is no tanh.
    """

    def __init__(self, channels: int, squash: bool = True) -> None:
        super().__init__()
        self.squash = squash
        self.gate = nn.Linear(2 * channels, channels)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(..., D), (..., D) -> (..., D)."""
        z = torch.sigmoid(self.gate(torch.cat([first, second], -1)))
        if self.squash:
            first, second = torch.tanh(first), torch.tanh(second)
        return mix(z, first, second)


def mix(gate: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """gate * first + (1 - gate) * second."""
    return torch.addcmul(second, gate, first - second)

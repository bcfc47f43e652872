import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F


@MODELS.register_module()
class DistillationHead(BaseModule):
    """Scores of D learned directions for the vectors of characters (DINO's head, as in CCD, ICCV
    2023).

    A three-layer perceptron and a layer of unit vectors, each with a gain.

    Args:
        in_channels: Channels E of the vectors.
        out_channels: Directions D.
        hidden_channels, bottleneck: Channels of the inner layers, and before the directions.
        train_gain: Whether gains are learned; else they are 1.

    While the attribute ``frozen`` is True the directions and gains do not learn.
    """

    def __init__(self, in_channels: int, out_channels: int = 65536, hidden_channels: int = 2048,
                 bottleneck: int = 256, train_gain: bool = True,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.mlp = nn.Sequential(
            nn.Linear(in_channels, hidden_channels), nn.GELU(),
            nn.Linear(hidden_channels, hidden_channels), nn.GELU(),
            nn.Linear(hidden_channels, bottleneck))
        self.directions = nn.Parameter(torch.empty(out_channels, bottleneck))
        self.gain = nn.Parameter(torch.ones(out_channels, 1), requires_grad=train_gain)
        self.frozen = False
        for layer in self.mlp[::2]:
            nn.init.trunc_normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)
        # As nn.Linear does.
        nn.init.uniform_(self.directions, -bottleneck**-0.5, bottleneck**-0.5)

    def forward(self, vectors: Tensor) -> Tensor:
        """(..., E) -> (..., D), in float32 at least: the differences count that bfloat16 loses."""
        hidden = self.mlp(vectors)
        directions, gain = self.directions, self.gain
        if self.frozen:
            directions, gain = directions.detach(), gain.detach()
        with torch.autocast(vectors.device.type, enabled=False):
            hidden = F.normalize(hidden.to(torch.promote_types(hidden.dtype, torch.float32)),
                                 dim=-1)
            return F.linear(hidden, gain * F.normalize(directions, dim=1))

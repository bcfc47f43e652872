from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """Channel weights from the mean over space: 1x1 to a quarter, ReLU, 1x1 back, a hard sigmoid
    of the given slope (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int, slope: float = 1 / 6) -> None:
        super().__init__()
        self.slope = slope
        self.squeeze = nn.Conv2d(channels, channels // 4, 1)
        self.expand = nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) -> the map with its channels weighted."""
        weights = self.expand(self.squeeze(x.mean((2, 3), keepdim=True)).relu())
        return x * (self.slope * weights + 0.5).clamp(0, 1)

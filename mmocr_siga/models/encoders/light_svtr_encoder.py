from __future__ import annotations

from collections.abc import Sequence

from mmocr.models.textrecog.encoders import BaseEncoder
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F


@MODELS.register_module()
class LightSVTREncoder(BaseEncoder):
    """The sequence encoder in front of PP-OCRv6's CTC layer (arXiv 2606.13108).

    The last map is averaged to one row of half its columns and goes two ways at ``channels``: one
    is left as it is; the other sees its neighbors through a depthwise 1x7 and the whole word
    through blocks of self-attention. Both are added.

    Args:
        in_channels: Channels of the backbone's last map.
        pool: (height, width) of the average that leaves one row.
        num_blocks: Blocks of self-attention.
        num_heads: Heads of each, a divisor of ``channels``.
        norm_eval: Whether batch norm keeps its statistics in training, too: those that come with
            published weights are of other words, and moving them costs double letters.
    """

    def __init__(self, in_channels: int = 384, channels: int = 120, pool: tuple[int, int] = (3, 2),
                 num_blocks: int = 2, num_heads: int = 8, norm_eval: bool = False,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.pool = tuple(pool)
        self.norm_eval = norm_eval
        self.skip = conv_bn(in_channels, channels)
        self.reduce = conv_bn(in_channels, channels)
        self.local = conv_bn(channels, channels, 7)
        self.blocks = nn.Sequential(*(MixerBlock(channels, num_heads) for _ in range(num_blocks)))
        self.norm = nn.LayerNorm(channels, eps=1e-6)

    def train(self, mode: bool = True) -> LightSVTREncoder:
        super().train(mode)
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, feat: Tensor | Sequence[Tensor],
                data_samples: Sequence[TextRecogDataSample] | None = None) -> Tensor:
        """A map (N, C, h, w), or several of which the last counts -> (N, w // pool, channels)."""
        last = F.avg_pool2d(feat if isinstance(feat, Tensor) else feat[-1], self.pool)
        if last.shape[2] != 1:
            raise ValueError(f'the average over {self.pool} leaves {last.shape[2]} rows, not one: '
                             'set pool to the height of the last map')
        reduced = F.silu(self.reduce(last))
        mixed = reduced + F.silu(self.local(reduced))
        mixed = self.norm(self.blocks(mixed.squeeze(2).transpose(1, 2)))
        return mixed + F.silu(self.skip(last)).squeeze(2).transpose(1, 2)


class MixerBlock(nn.Module):
    """Self-attention and a perceptron, each on the normalized sequence and added to it."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1 = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.SiLU(),
                                 nn.Linear(2 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, T, D) -> (N, T, D)."""
        query, key, value = self.qkv(self.norm1(x)).unflatten(
            2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(query, key, value)
        x = x + self.proj(attended.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


def conv_bn(in_channels: int, out_channels: int, width: int = 1) -> nn.Sequential:
    """1 x width convolution, depthwise beyond 1, and batch norm."""
    groups = out_channels if width > 1 else 1
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, (1, width), padding=(0, width // 2), groups=groups,
                  bias=False), nn.BatchNorm2d(out_channels))

"""Where the words of a prompt meet the map of a picture (ODM, CVPR 2024). N pictures, C channels of
the map, (h, w) its size, n words, E channels of their vectors."""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from .sinusoids import sinusoids


@MODELS.register_module()
class TextImageDecoder(BaseModule):
    """The map of a picture as CLIP pools it, looking at the words of a prompt.

    All cells of the map and their mean attend to each other once; the mean's result is the vector
    of the picture. Then the cells look at the words block by block, q <- q + LN(attention), q <- q
    + MLP(LN(q)); words are never changed, cells do not see each other. Besides the words there
    is a learned key, "nothing", so that a prompt may be empty. Places are 2-D sinusoids: maps may
    have any size.

    Args:
        in_channels: C, a multiple of 4 and of ``pool_heads``.
        channels: E, a multiple of 4 and of ``num_heads``.
        num_layers: Blocks that look at the words.
        pool_heads: Heads of the attention among the cells; 32 in CLIP's ResNet-50.
    """

    def __init__(self, in_channels: int = 2048, channels: int = 512, num_layers: int = 6,
                 num_heads: int = 8, pool_heads: int = 32,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if in_channels % 4 or channels % 4 or in_channels % pool_heads or channels % num_heads:
            raise ValueError(f'in_channels {in_channels} and channels {channels} must be multiples '
                             f'of 4 and of their heads, {pool_heads} and {num_heads}')
        self.pool_heads = pool_heads
        self.qkv = nn.Linear(in_channels, 3 * in_channels)
        self.project = nn.Linear(in_channels, channels)
        self.nothing = nn.Parameter(0.02 * torch.randn(channels))
        self.blocks = nn.ModuleList(PromptBlock(channels, num_heads) for _ in range(num_layers))
        self.norm = nn.LayerNorm(channels)

    def forward(self, feature: Tensor, words: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Map (N, C, h, w), words (N, n, E) and which of them are there, bool (N, n) -> vectors of
        the pictures (N, E) and the map that has seen the words (N, E, h, w)."""
        count, _, height, width = feature.shape
        picture, cells = self.pool(feature)
        cells = cells + grid_sinusoids(height, width, cells.shape[2], cells.device)
        nothing = self.nothing.to(words.dtype).expand(count, 1, -1)
        keys = torch.cat([nothing, words], 1)
        hidden = F.pad(~present, (1, 0), value=False)
        for block in self.blocks:
            cells = block(cells, keys, hidden)
        cells = self.norm(cells)
        return picture, cells.transpose(1, 2).unflatten(2, (height, width))

    def pool(self, feature: Tensor) -> tuple[Tensor, Tensor]:
        """Vector of the picture (N, E) and the cells (N, h w, E)."""
        cells = feature.flatten(2).transpose(1, 2)
        mean = cells.mean(1, keepdim=True)
        cells = cells + grid_sinusoids(*feature.shape[2:], cells.shape[2], cells.device)
        tokens = torch.cat([mean, cells], 1)
        query, key, value = self.qkv(tokens).unflatten(
            2, (3, self.pool_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        pooled = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        pooled = self.project(pooled)
        return pooled[:, 0], pooled[:, 1:]


class PromptBlock(nn.Module):
    """Cells (N, P, E) look at keys (N, K, E)."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(channels, num_heads, batch_first=True)
        self.attended_norm = nn.LayerNorm(channels)
        self.norm = nn.LayerNorm(channels)
        self.mlp = quick_mlp(channels)

    def forward(self, cells: Tensor, keys: Tensor, hidden: Tensor) -> Tensor:
        attended = self.attention(cells, keys, keys, key_padding_mask=hidden, need_weights=False)[0]
        cells = cells + self.attended_norm(attended)
        return cells + self.mlp(self.norm(cells))


class QuickGELU(nn.Module):
    """CLIP's approximation of GELU: x sigmoid(1.702 x)."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


def quick_mlp(channels: int) -> nn.Sequential:
    """Four times the channels, :class:`QuickGELU`, and back."""
    return nn.Sequential(nn.Linear(channels, 4 * channels), QuickGELU(),
                         nn.Linear(4 * channels, channels))


def grid_sinusoids(height: int, width: int, channels: int,
                   device: torch.device | None = None) -> Tensor:
    """Sinusoids of the row in one half of the channels and of the column in the other: float32
    (height * width, channels)."""
    rows, columns = (sinusoids(torch.arange(side, device=device), channels // 2)
                     for side in (height, width))
    return torch.cat([rows[:, None].expand(-1, width, -1),
                      columns[None].expand(height, -1, -1)], 2).flatten(0, 1)

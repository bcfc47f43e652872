from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..layers import TransformerEncoder, grid_positions
from ..layers.text_image_decoder import grid_sinusoids
from ..layers.token_maps import as_map, as_tokens


@MODELS.register_module()
class ConvStemTransformer(BaseModule):
    """Two convolutions of stride 2 and a Transformer over their map, for training on a CPU.

    Tokens know where they are by 2-D sinusoids, by which a parallel decoder counts characters, and
    how far apart by :class:`RotaryAttention`, in pictures of any size. Normalization is over the
    channels of one place only (LayerNorm): no picture of a batch tells about another.

    Args:
        stem_channels: Channels between the convolutions.
        embed_dim: Channels D of a token, which stands for 4 x 4 pixels.
        inner_channels: Of the feed-forward parts.
        taps: After which blocks tokens are handed on besides the last ones, which are normalized; 0
            is the stem.
    """

    def __init__(self, stem_channels: int = 64, embed_dim: int = 128, depth: int = 4,
                 num_heads: int = 4, inner_channels: int = 256, taps: Sequence[int] = (0, 1, 2, 3),
                 dropout: float = 0., in_channels: int = 3,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if not all(0 <= tap < depth for tap in taps):
            raise ValueError(f'taps count blocks from 0, the stem, to depth - 1 = {depth - 1}, got '
                             f'{list(taps)}')
        self.taps = tuple(taps)
        self.stem = nn.ModuleList([
            nn.Conv2d(in_channels, stem_channels, 3, 2, 1),
            nn.Conv2d(stem_channels, embed_dim, 3, 2, 1)])
        # Or positions, which are added, outweigh what is seen, and reading begins later.
        nn.init.kaiming_normal_(self.stem[1].weight)
        self.stem_norm = nn.LayerNorm(stem_channels)
        self.activation = nn.GELU()
        self.blocks = TransformerEncoder(embed_dim, depth, num_heads, inner_channels, dropout,
                                         rotary=dict(base=100.))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Pictures (N, 3, H, W) -> the taps and the last tokens, (N, D, H / 4, W / 4) each."""
        stem = self.stem[0](images)
        stem = self.stem_norm(stem.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        stem = self.stem[1](self.activation(stem))
        size = stem.shape[2:]
        tokens = as_tokens(stem)
        tokens = tokens + grid_sinusoids(*size, tokens.shape[2], tokens.device).to(tokens.dtype)
        angles = self.blocks.layers[0].attn.angles(grid_positions(*size, device=tokens.device))
        taps = {0: tokens}
        for depth, block in enumerate(self.blocks.layers, 1):
            tokens = taps[depth] = block(tokens, angles)
        return tuple(as_map(each, size) for each in (
            *(taps[tap] for tap in self.taps), self.blocks.norm(tokens)))

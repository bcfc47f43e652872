from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmocr.models.textrecog.encoders import BaseEncoder
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ...structures.encodings import GlyphEncoding
from ..layers import TransformerEncoder, rotary_angles, rotate, valid_columns
from ..layers.pixel_selection import best_pixels, edge_pixels, evenly_thinned, scattered
from ..pseudo_labels.functional import at_least_float32
from ..target_generators.text_masks import batch_text_masks, luma

SELECTIONS = ('edge', 'foreground', 'random', 'grid')
POSITIONS = ('rope', 'learned', 'fourier')
_OCTAVES = 8  # of the 'fourier' positions: waves of 512, 256, ... 4 pixels
_UNITS = 4  # pixels that count as 1 for rotary positions


@MODELS.register_module()
class PixelTokenEncoder(BaseEncoder):
    """A Transformer that reads single pixels of the ink and nothing else.

    Each token is a pixel (Nguyen et al., ICLR 2025, arXiv 2406.09415), here one of those that the
    text mask says are strokes: the mask of the sample, or two means of the gray picture. The
    background never enters. A recognizer with this encoder has no backbone.

    Args:
        tokens: At most so many pixels K of a word: in training K of them at random, in reading
            evenly thinned, the same in any batch. They run from left to right.
        select: 'edge', pixels of the mask with one beside them that is not; 'foreground', all of
            the mask; 'random', as many pixels as there are edges, anywhere, and 'grid', every
            pixel, to compare with. Where the mask is empty, every pixel.
        inner_channels: Of the feed-forward parts.
        patch: Side of the window around each pixel that is its content, an odd number.
        position: 'rope', by which attention knows how far apart tokens are
            (:class:`RotaryAttention`); 'learned', a table for pictures of ``img_size``, as in the
            paper; 'fourier', a linear layer of waves.
        colour: Whether tokens know the colors of their windows; else only where they are.
        queries: None: the tokens themselves are the decoder's memory; or so many columns, learned
            queries that are evenly spread over the width and look at the tokens once.
        context_channels: Channels of the context; ``embed_dim`` unless given.
        mean, std: By which the data preprocessor normalized the pictures (RGB).
    """

    exportable = False  # ONNX lacks the operators on bytes that find the text mask

    def __init__(self, tokens: int = 512, select: str = 'edge', embed_dim: int = 128,
                 depth: int = 4, num_heads: int = 4, inner_channels: int = 256, patch: int = 1,
                 position: str = 'rope', colour: bool = True, queries: int | None = None,
                 context_channels: int | None = None, img_size: Sequence[int] = (32, 128),
                 mean: Sequence[float] = (123.675, 116.28, 103.53),
                 std: Sequence[float] = (58.395, 57.12, 57.375), dropout: float = 0.1,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        for name, value, known in (('select', select, SELECTIONS),
                                   ('position', position, POSITIONS)):
            if value not in known:
                raise ValueError(f'{name} must be one of {known}, but is {value!r}')
        if patch % 2 == 0 or tokens < 1:
            raise ValueError('patch is an odd number of pixels, and tokens at least 1, but they '
                             f'are {patch} and {tokens}')
        self.tokens, self.select, self.patch, self.position = tokens, select, patch, position
        self.img_size = tuple(img_size)
        self.register_buffer('mean', torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer('std', torch.tensor(std).view(-1, 1, 1), persistent=False)
        self.content = nn.Linear(3 * patch * patch, embed_dim) if colour else None
        if not colour:
            self.mark = nn.Parameter(torch.randn(embed_dim) * 0.02)
        if position == 'rope':
            # At the upper left corner. Attention adds to 1, so that tokens that are alike would
            # see the same wherever they are; what is left for this one tells how much ink is near.
            self.landmark = nn.Parameter(torch.randn(embed_dim))
        elif position == 'learned':
            self.table = nn.Parameter(torch.randn(math.prod(img_size), embed_dim) * 0.02)
        else:
            self.waves = nn.Linear(4 * _OCTAVES, embed_dim)
        self.dropout = nn.Dropout(dropout)
        self.transformer = TransformerEncoder(embed_dim, depth, num_heads, inner_channels, dropout,
                                              rotary=dict(base=100.))
        self.columns = None if queries is None else ColumnQueries(queries, embed_dim, num_heads)
        self.context = nn.Linear(embed_dim, context_channels or embed_dim)

    def forward(self, feat: Tensor,
                data_samples: Sequence[TextRecogDataSample] | Tensor | None = None
                ) -> GlyphEncoding:
        """Encode normalized pictures (N, 3, H, W): K tokens each, or ``queries`` columns. Samples,
        or their ``valid_ratio`` (N,), tell the padding, which is never taken."""
        _, _, h, w = feat.shape
        valid = valid_columns(data_samples, w, feat.device)
        index, kept = evenly_thinned(self._candidates(feat, data_samples, valid), self.tokens)
        places = torch.stack([index // h, index % h], -1).to(at_least_float32(feat).dtype)
        x = self.dropout(self._embedded(feat, valid, index, places))
        sequence = self._related(x, kept, places)
        if self.columns is None:
            return GlyphEncoding(sequence, self.context(sequence), kept, {}, {}, None, places)
        width = w if valid is None else valid.sum(1, keepdim=True)
        sequence = self.columns(sequence, kept, places, (h, width))
        return GlyphEncoding(sequence, self.context(sequence), None, {}, {}, None)

    @torch.no_grad()
    def _candidates(self, images: Tensor, data_samples: Sequence[TextRecogDataSample] | None,
                    valid: Tensor | None) -> Tensor:
        """Which pixels may be taken, (N, W * H) bool, column by column."""
        n, _, h, w = images.shape
        every = images.new_ones((), dtype=torch.bool) if valid is None else valid[:, None]
        every = every.expand(n, h, w)
        pixels = every
        if self.select != 'grid':
            gray = luma((images.float() * self.std.float() + self.mean.float()).clamp(0, 255))
            pixels = batch_text_masks(data_samples, gray)
            pixels = pixels if self.select == 'foreground' else edge_pixels(pixels)
            pixels = torch.where(pixels.flatten(1).any(1)[:, None, None], pixels, every)
        # Columns come first.
        pixels, every = (x.transpose(1, 2).flatten(1) for x in (pixels, every))
        if self.select == 'random':
            scores = (torch.rand(pixels.shape, device=pixels.device) if self.training else
                      scattered(h * w, pixels.device))
            pixels = best_pixels(every, pixels.sum(1, keepdim=True), scores)
        if not self.training:
            return pixels
        return best_pixels(pixels, torch.full_like(pixels[:, :1], self.tokens, dtype=torch.long),
                           torch.rand(pixels.shape, device=pixels.device))

    def _embedded(self, images: Tensor, valid: Tensor | None, index: Tensor,
                  places: Tensor) -> Tensor:
        """What tokens are before any attention, (N, K, D)."""
        _, _, h, w = images.shape
        row_by_row = index % h * w + index // h
        if self.content is None:
            x = self.mark.expand(*index.shape, -1)
        else:
            shown = images if valid is None else images * valid[:, None, None]
            windows = shown.flatten(2) if self.patch == 1 else F.unfold(
                shown, self.patch, padding=self.patch // 2)
            seen = windows.gather(2, row_by_row[:, None].expand(-1, windows.shape[1], -1))
            x = self.content(seen.transpose(1, 2))
        if self.position == 'learned':
            if (h, w) != self.img_size:
                raise ValueError(f'the table of positions is for pictures of {self.img_size}, not '
                                 f"{(h, w)}: set img_size, or position='rope'")
            return x + F.embedding(row_by_row, self.table)
        if self.position == 'fourier':
            octaves = 2 ** torch.arange(_OCTAVES, dtype=places.dtype, device=places.device)
            angles = (places.unsqueeze(-1) * octaves * (2 * math.pi / 512)).flatten(2)
            waves = torch.cat([angles.sin(), angles.cos()], -1)
            return x + self.waves(waves.to(x.dtype))
        return x

    def _related(self, x: Tensor, kept: Tensor, places: Tensor) -> Tensor:
        if self.position != 'rope':  # all at one place: nothing is turned
            return self.transformer(x, kept[:, None], places[:1, :1] * 0)
        landmark = self.landmark.to(x.dtype).expand(len(x), 1, -1)
        x = self.transformer(torch.cat([landmark, x], 1), F.pad(kept, (1, 0), value=True)[:, None],
                             F.pad(places / _UNITS, (0, 0, 1, 0)))
        return x[:, 1:]


class ColumnQueries(nn.Module):
    """Learned queries, evenly spread over the width at half the height, that look at tokens."""

    def __init__(self, count: int, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.queries = nn.Parameter(torch.randn(count, channels))
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.proj = nn.Linear(channels, channels)
        # Alike before they are turned, queries and keys agree most where they are at one place:
        # each column begins by looking around itself (in heads of 32 channels half of it within
        # 4 pixels) and needs not find out where it is.
        for bias in (self.query.bias, self.key_value.bias[:channels]):
            nn.init.constant_(bias, math.sqrt(2))

    def forward(self, x: Tensor, kept: Tensor, places: Tensor,
                size: tuple[int, int | Tensor]) -> Tensor:
        """Tokens (N, K, D) at places (N, K, 2) of pictures of a height and a width, or widths
        (N, 1) -> (N, Q, D)."""
        n, count, heads = len(x), len(self.queries), self.num_heads
        at = (torch.arange(count, dtype=places.dtype, device=x.device) + 0.5) / count * size[1]
        at = torch.stack([at, torch.full_like(at, (size[0] - 1) / 2)], -1)
        query = self.query(self.queries).expand(n, -1, -1)
        query, key, value = (t.unflatten(2, (heads, -1)).transpose(1, 2)
                             for t in (query, *self.key_value(x).chunk(2, -1)))
        turned = []
        for part, place in ((query, at), (key, places)):
            angles = rotary_angles(place / _UNITS, part.shape[-1], 100.).unsqueeze(-3)
            turned.append(rotate(part, angles.cos(), angles.sin()))
        seen = F.scaled_dot_product_attention(*turned, value, kept[:, None, None])
        return self.proj(seen.transpose(1, 2).flatten(2))

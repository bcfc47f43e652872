"""Pictures of a style, without text or with another (after DARLING, CVPR 2024; the layout is ours).

N pictures, (h, w) the map of their style, E channels of the tokens inside.
"""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import ConfigType, InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ...structures.encodings import PromptFeatures, StyledImages
from ..layers import RotaryAttention, RotaryLayer
from ..layers.text_image_decoder import grid_sinusoids
from ..layers.token_maps import as_map, as_tokens
from ..pseudo_labels.functional import at_least_float32


@MODELS.register_module()
class StyledImageDecoder(BaseModule):
    """Draw a picture of a style: its board, then paint and coverage of a prompted text upon it.

    Style alone gives the board, which so cannot depend on the prompt, and removal needs none. Then
    blocks of self-attention, of attention to the prompt behind a tanh gate, and of a feed-forward
    part give the paint f and the coverage a of the text: the picture is a f + (1 - a) b. Where a
    prompt is empty, a is 0.

    Args:
        in_channels: Channels D_s of the style.
        channels: E.
        erase_blocks: Transformer layers before the board.
        blocks: Blocks that see the prompt.
        head_channels: Channels at 2 and 4 times the resolution of the tokens.
        prompt: ``GlyphPromptEncoder`` or ``CharacterPromptEncoder``; ``channels`` are filled in.
        gate_init: Where gates begin. From 0 the text begins as it would without prompt.
    """

    def __init__(self, in_channels: int = 64, channels: int = 64, erase_blocks: int = 1,
                 blocks: int = 2, num_heads: int = 2, inner_channels: int = 128,
                 head_channels: tuple[int, int] = (32, 16),
                 prompt: ConfigType = dict(type='GlyphPromptEncoder'),  # noqa: B006
                 gate_init: float = 1.0, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.project = nn.Linear(in_channels, channels)
        self.erase_blocks = nn.Sequential(
            *(RotaryLayer(channels, num_heads, inner_channels, 0.) for _ in range(erase_blocks)),
            nn.LayerNorm(channels))
        self.board_head = PixelHead(channels, head_channels, 3)
        self.prompt = MODELS.build(dict(prompt, channels=channels))
        self.blocks = nn.ModuleList(PromptedBlock(channels, num_heads, inner_channels, gate_init)
                                    for _ in range(blocks))
        self.text_head = PixelHead(channels, head_channels, 4)
        # Of a drawn prompt, whose strokes are finer than tokens.
        self.fine = None
        if hasattr(self.prompt, 'stem_channels'):
            self.fine = nn.Conv2d(self.prompt.stem_channels, head_channels[0], 1, bias=False)
            self.fine_gate = nn.Parameter(torch.tensor(float(gate_init)))

    def erase(self, style_map: Tensor) -> tuple[Tensor, Tensor]:
        """Style (N, D_s, h, w) -> tokens (N, h * w, E) for :meth:`write`, and the board, float32
        (N, 3, 4h, 4w) in [0, 1]."""
        size = style_map.shape[2:]
        tokens = self.project(as_tokens(style_map))
        places = grid_sinusoids(*size, tokens.shape[2], tokens.device).to(tokens.dtype)
        tokens = self.erase_blocks(tokens + places)
        return tokens, at_least_float32(self.board_head(as_map(tokens, size))).sigmoid()

    def write(self, tokens: Tensor, board: Tensor, prompt: PromptFeatures) -> StyledImages:
        """What :meth:`erase` gave, and a prompt for each -> pictures of (4h, 4w)."""
        size = tuple(side // 4 for side in board.shape[2:])
        for block in self.blocks:
            tokens = block(tokens, prompt)
        fine = None
        if self.fine is not None:
            fine = torch.tanh(self.fine_gate) * self.fine(prompt.maps[1])
        drawn = at_least_float32(self.text_head(as_map(tokens, size), fine)).sigmoid()
        paint, coverage = drawn.split([3, 1], 1)
        coverage = coverage * prompt.present[:, None, None, None]
        # Not a f + (1 - a) b: where a is 0 this is b to the last bit.
        return StyledImages(board + coverage * (paint - board), board, paint, coverage)

    def forward(self, style_map: Tensor, prompts: Tensor) -> StyledImages:
        """Style (N, D_s, h, w) and prompts as the prompt's encoder takes them."""
        return self.write(*self.erase(style_map), self.prompt(prompts))


class PromptedBlock(nn.Module):
    """Tokens (N, P, E) relate to each other, look at a prompt, and pass a perceptron.

    Of a prompt that says where things are, a token also takes what lies in its own place; both pass
    one gate.
    """

    def __init__(self, channels: int, num_heads: int, inner_channels: int,
                 gate_init: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = RotaryAttention(channels, num_heads)
        self.norm2 = nn.LayerNorm(channels)
        self.look = nn.MultiheadAttention(channels, num_heads, batch_first=True)
        self.place = nn.Linear(channels, channels, bias=False)
        self.gate = nn.Parameter(torch.tensor(float(gate_init)))
        self.norm3 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, inner_channels), nn.GELU(),
                                 nn.Linear(inner_channels, channels))

    def forward(self, x: Tensor, prompt: PromptFeatures) -> Tensor:
        x = x + self.attn(self.norm1(x))
        seen = self.look(self.norm2(x), prompt.tokens, prompt.tokens,
                         key_padding_mask=prompt.hidden, need_weights=False)[0]
        if prompt.maps:
            seen = seen + self.place(as_tokens(prompt.maps[0]))
        x = x + torch.tanh(self.gate) * seen
        return x + self.mlp(self.norm3(x))


class PixelHead(nn.Module):
    """Logits of pixels, of tokens (N, E, h, w) that stand for 4 x 4 of them each: (N, C, 4h, 4w).
    """

    def __init__(self, channels: int, widths: tuple[int, int], out_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 4 * widths[0], 1)
        self.second = nn.Conv2d(widths[0], 4 * widths[1], 3, padding=1)
        self.last = nn.Conv2d(widths[1], out_channels, 3, padding=1)

    def forward(self, maps: Tensor, fine: Tensor | None = None) -> Tensor:
        """``fine`` (N, C', 2h, 2w) is added."""
        x = F.pixel_shuffle(self.first(maps), 2)
        if fine is not None:
            x = x + fine
        x = F.pixel_shuffle(self.second(F.gelu(x)), 2)
        return self.last(F.gelu(x))

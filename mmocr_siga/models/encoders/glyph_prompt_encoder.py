from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ...rendering.plain import draw_plain_in_box
from ...structures.encodings import PromptFeatures
from ..layers.text_image_decoder import grid_sinusoids
from ..layers.token_maps import as_map, as_tokens


@MODELS.register_module()
class GlyphPromptEncoder(BaseModule):
    """What is to be written, drawn in one plain face: it says what, and where.

    Args:
        channels: Channels E of the map, of 4 x 4 pixels a place, and of the tokens, which are the
            means of four places each.
        stem_channels: Channels of the finer map, of 2 x 2 pixels a place.
    """

    def __init__(self, channels: int = 64, stem_channels: int = 32,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.stem_channels = stem_channels
        self.first = nn.Sequential(nn.Conv2d(1, stem_channels // 2, 3, 2, 1), nn.GELU(),
                                   nn.Conv2d(stem_channels // 2, stem_channels, 3, 1, 1), nn.GELU())
        self.second = nn.Conv2d(stem_channels, channels, 3, 2, 1)
        self.norm = nn.LayerNorm(channels)

    def of_samples(self, words: Sequence[TextRecogDataSample]) -> Tensor:
        """The drawings that samples carry, uint8 (N, 1, H, W)."""
        if not all('gt_prompt' in word for word in words):
            raise ValueError('the samples have no gt_prompt: put GlyphPrompts before '
                             'PackPairInputs in the pipeline')
        return torch.stack([word.gt_prompt.data for word in words])

    def of_texts(self, texts: Sequence[str], boxes: Sequence[Sequence[float]],
                 size: tuple[int, int]) -> Tensor:
        """Texts drawn in boxes (left, top, right, bottom) of pictures of a height and width, uint8
        (N, 1, H, W). A ValueError tells the text that the plain face cannot draw."""
        drawn = [draw_plain_in_box(size, box, text) for text, box in zip(texts, boxes)]
        return torch.from_numpy(np.stack(drawn)[:, None])

    def forward(self, drawings: Tensor) -> PromptFeatures:
        """Drawings, uint8 (N, 1, H, W), 255 where ink is."""
        fine = self.first(drawings.float() / 255)
        coarse = self.second(fine)
        pooled = F.avg_pool2d(coarse, 2)
        tokens = as_tokens(pooled)
        places = grid_sinusoids(*coarse.shape[2:], tokens.shape[2], tokens.device)
        places = F.avg_pool2d(as_map(places[None], coarse.shape[2:]), 2)
        tokens = self.norm(tokens + as_tokens(places).to(tokens.dtype))
        present = drawings.flatten(1).amax(1) > 0
        return PromptFeatures(tokens, None, present, (coarse, fine))

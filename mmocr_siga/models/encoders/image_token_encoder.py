from __future__ import annotations

from collections.abc import Sequence

import torch
from mmocr.models.textrecog.encoders import BaseEncoder
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..backbones.siga_vit import resampled
from ..layers import LatentResampler, TransformerEncoder


@MODELS.register_module()
class ImageTokenEncoder(BaseEncoder):
    """A backbone's last map as tokens for a language model.

    Brought to ``channels``, with a learned embedding of each place (resampled for maps of another
    size), through ``num_layers`` Transformer layers, and normalized. Pictures are not padded:
    tokens of padding would be seen.

    Args:
        in_channels: Channels C of the map.
        channels: Channels D of the tokens.
        size: Height and width of the map that the embedding is made for.
        num_layers, num_heads, inner_channels, dropout: Of the Transformer.
        resampler: Arguments of a :class:`~mmocr_siga.models.layers.LatentResampler` besides its
            channels, as ``dict(num_latents=64)``. None: the tokens themselves are handed on.
    """

    def __init__(self, in_channels: int = 192, channels: int = 192,
                 size: Sequence[int] = (2, 32), num_layers: int = 0, num_heads: int = 4,
                 inner_channels: int = 768, dropout: float = 0.1, resampler: dict | None = None,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.size = tuple(size)
        self.reduce = nn.Conv2d(in_channels, channels, 1)
        self.places = nn.Parameter(0.02 * torch.randn(1, self.size[0] * self.size[1], channels))
        self.layers = TransformerEncoder(channels, num_layers, num_heads, inner_channels, dropout)
        self.resampler = None if resampler is None else LatentResampler(channels, **resampler)

    def forward(self, feat: Tensor | Sequence[Tensor],
                data_samples: Sequence[TextRecogDataSample] | Tensor | None = None) -> Tensor:
        """A map (N, C, h, w), or several of which the last counts -> (N, P, D), P = h * w or the
        number of latents."""
        maps = self.reduce(feat if isinstance(feat, Tensor) else feat[-1])
        places = resampled(self.places, tuple(maps.shape[2:]), self.size)
        tokens = self.layers(maps.flatten(2).transpose(1, 2) + places)
        return tokens if self.resampler is None else self.resampler(tokens)

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmocr.registry import MODELS
from torch import Tensor

from .glyph_perceptual_loss import FrozenNetworkLoss, packaged_backbone, perceptual_distance


@MODELS.register_module()
class ReaderFeatureLoss(FrozenNetworkLoss):
    """Whether a picture looks to a frozen reader like the one that is wanted: the absolute
    difference of the maps of its backbone, which evaluates; the gradient reaches the picture.

    A reader that an editor was trained with must not judge it.

    Args:
        network: A packaged model, whose backbone is taken with its weights and normalization.
        level_weights: One for each map; 1 without.
    """

    def __init__(self, network: str = 'siga_tiny_words', loss_weight: float = 1.0,
                 level_weights: Sequence[float] | None = None) -> None:
        super().__init__()
        self.loss_weight, self.level_weights = loss_weight, level_weights
        self.network, mean, std = packaged_backbone(network)
        self.freeze(mean, std)

    def forward(self, made: Tensor, wanted: Tensor) -> Tensor:
        """Pictures (N, 3, H, W), RGB in [0, 1]."""
        with torch.no_grad():
            wanted = self.network((255 * wanted - self.mean) / self.std)
        made = self.network((255 * made - self.mean) / self.std)
        return self.loss_weight * perceptual_distance(made, wanted, self.level_weights, 'l1')

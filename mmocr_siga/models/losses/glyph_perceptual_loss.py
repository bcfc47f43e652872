from __future__ import annotations

import os
from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import ConfigType
from torch import Tensor, nn

from ...compat.configs import find_config, read_config, weights_of
from ..pseudo_labels.functional import at_least_float32
from ..utils.weights import load_weights

FORMS = ('normalised', 'l1')
_TINY = 1e-8  # keeps the gradient of a vector of zeros finite


def perceptual_distance(drawn: Sequence[Tensor], wanted: Sequence[Tensor],
                        level_weights: Sequence[float] | None = None,
                        form: str = 'normalised') -> Tensor:
    """Distance of the features of two pictures, summed over levels (ODM's OCR-LPIPS).

    Args:
        drawn, wanted: Maps (N, C_l, H_l, W_l).
        level_weights: One for each level; 1 without.
        form: ``'normalised'``, vectors divided by their norms over channels, squared difference;
            ``'l1'``, the paper's formula, absolute difference. Both are summed over channels and
            averaged over places and pictures. With ``'l1'`` levels differ by orders of magnitude.
    """
    if form not in FORMS:
        raise ValueError(f'form must be one of {FORMS}, but is {form!r}')
    weights = [1.0] * len(drawn) if level_weights is None else level_weights
    if not len(drawn) == len(wanted) == len(weights):
        raise ValueError(f'expected a pair of maps and a weight for each level, got {len(drawn)}, '
                         f'{len(wanted)} and {len(weights)}')
    total = 0.0
    for weight, a, b in zip(weights, map(at_least_float32, drawn), map(at_least_float32, wanted)):
        if form == 'l1':
            distance = (a - b).abs()
        else:
            a, b = (t * (t.square().sum(1, keepdim=True) + _TINY).rsqrt() for t in (a, b))
            distance = (a - b).square()
        total = total + weight * distance.sum(1).mean()
    return total


def packaged_backbone(name: str, trained: bool = True
                      ) -> tuple[nn.Module, Sequence[float], Sequence[float]]:
    """The backbone of a packaged recognizer with its weights, or ``trained=False`` at random, and
    the mean and standard deviation by which its pictures are normalized."""
    path = find_config(name)
    config = read_config(path).model
    network = MODELS.build(config.backbone)
    if trained:
        load_weights(nn.ModuleDict(dict(network=network)),
                     weights_of(path) or os.fspath(path.with_suffix('.pth')),
                     parts={'network.': 'backbone.'})
    else:
        network.init_weights()
    return network, config.data_preprocessor.mean, config.data_preprocessor.std


class FrozenNetworkLoss(BaseModule):
    """Base of losses by a network that learns nothing and always evaluates."""

    def freeze(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """All that is there; ``mean`` and ``std`` of the network's inputs become buffers."""
        for name, values in (('mean', mean), ('std', std)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False)
        self.eval()

    def init_weights(self) -> None:
        """They are there."""

    def train(self, mode: bool = True) -> nn.Module:
        return super().train(False)


@MODELS.register_module()
class GlyphPerceptualLoss(FrozenNetworkLoss):
    """Whether a drawing looks to a reader like the words that were to be drawn (ODM, L2).

    The paper's network, the trunk of the detector CRAFT, is not to be had; here it is the backbone
    of a recognizer of this package, or :class:`.GlyphUNet`: this loss is ours. The network is
    frozen and evaluates; its gradient reaches the drawing. A reader knows single words: drawing and
    label are rectified at each word, drawn ink being white; at one that was dropped the label is
    blank.

    Args:
        network: A packaged model, whose backbone is taken with its weights and normalization; or a
            config of a backbone, with weights by its ``init_cfg``.
        level_weights, form: See :func:`perceptual_distance`.
        regions: Look at the words, the first ``max_regions`` of a batch; else at the whole drawing.
        size: Height and width of the words.
        trained: With the packaged weights; without, for comparison, the same network at random.
        mean, std: Normalization for a network that is given by its config.
    """

    def __init__(self, network: str | ConfigType = 'siga_tiny_words',
                 level_weights: Sequence[float] | None = None, form: str = 'normalised',
                 regions: bool = True, size: tuple[int, int] = (32, 128), max_regions: int = 32,
                 trained: bool = True, mean: float = 127.5, std: float = 127.5,
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f'form must be one of {FORMS}, but is {form!r}')
        self.level_weights, self.form = level_weights, form
        self.regions, self.max_regions, self.loss_weight = regions, max_regions, loss_weight
        means, stds = [mean] * 3, [std] * 3
        if isinstance(network, str):
            self.network, means, stds = packaged_backbone(network, trained)
        else:
            self.network = MODELS.build(network)
            self.network.init_weights()
        self.rectifier = MODELS.build(dict(type='RegionRectifier', size=tuple(size)))
        self.freeze(means, stds)

    def forward(self, logits: Tensor, ink: Tensor, ignored: Tensor, borders: Tensor,
                index: Tensor) -> Tensor:
        """Distance of drawings to labels.

        Args:
            logits, ink: (N, 1, H, W); ``ink`` is uint8.
            ignored: bool (N, 1, H, W), blank on both sides.
            borders: Of R words, (R, 2, K, 2), in pixels.
            index: long (R,), the picture of each.
        """
        if self.regions and not len(borders):
            return 0 * logits.sum()
        pair = torch.cat([logits.float().sigmoid(), ink.float() / 255], 1)
        pair = pair.masked_fill(ignored, 0)
        if self.regions:
            pair = self.rectifier(pair, borders[:self.max_regions], index[:self.max_regions])
        drawn, wanted = (255 * side.expand(-1, 3, -1, -1) for side in pair.split(1, 1))
        with torch.no_grad():
            wanted = self.network((wanted - self.mean) / self.std)
        drawn = self.network((drawn - self.mean) / self.std)
        return self.loss_weight * perceptual_distance(drawn, wanted, self.level_weights, self.form)

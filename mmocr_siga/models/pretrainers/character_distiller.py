from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.model import BaseModel, BaseModule
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import ConfigType, InitConfigType, OptConfigType
from torch import Tensor

from ...images.regions import MAX_REGIONS, MIN_PIXELS
from ..heads.glyph_supervision import text_pixels
from ..layers import pool_regions
from ..pseudo_labels.functional import region_weights
from ..target_generators.view_regions import (
    ViewRegions,
    given_regions,
    own_regions,
    stacked_masks,
)


class CharacterNetwork(BaseModule):
    """A backbone, and a head that scores the vectors of characters."""

    def __init__(self, backbone: ConfigType, head: ConfigType, feature: int) -> None:
        super().__init__()
        self.backbone = MODELS.build(backbone)
        self.head = MODELS.build(head)
        self.feature = feature

    def forward(self, maps: Sequence[Tensor], weights: Tensor, regions: ViewRegions) -> Tensor:
        """Scores (2, M, D) of the characters that are in both views; ``weights`` (2N, K, h * w)."""
        vectors = pool_regions(maps[self.feature], weights)
        vectors = vectors.unflatten(0, (2, -1))[:, regions.words, regions.numbers]
        return self.head(vectors)


@MODELS.register_module()
class CharacterDistiller(BaseModel):
    """Pre-training of a backbone on words without labels, character by character (CCD: Guan et al.,
    *Self-supervised Character-to-Character Distillation for Text Recognition*, ICCV 2023).

    A word is seen in two views, whose characters :class:`.WordViewPair` has numbered. A student
    says of each character in one view what a teacher, the moving average of the student, says of
    the same character in the other; and it learns the text mask. The teacher's backbone is what a
    recognizer starts from: ``WarmStartHook(parts={'backbone': 'teacher.backbone'})``.

    :class:`.TeacherHook` averages. ``own_masks`` and ``student.head.frozen`` are attributes for
    ``LossScheduleHook``.

    Args:
        backbone: Gives several maps of an image. The teacher's has no stochastic depth.
        segmentation: ``TokenSegmentationHead`` or ``SegmentationHead``.
        head: ``DistillationHead``; each of the two networks has one.
        feature: Which map the characters' vectors are means of.
        taps: Which maps the segmentation reads.
        loss_mask, loss_distillation: By default ``TextMaskLoss`` and, with the directions of the
            head, ``CharacterDistillationLoss``.
        own_masks: Whether characters are those of the mask that the student finds in the regular
            view, and not those of the samples. The host then waits once a step.
        min_pixels, max_regions, min_visible: Of own masks; ``max_regions`` of the samples', too.
        channels_last: As in :class:`.GlyphRecognizer`.
    """

    def __init__(self, backbone: ConfigType, segmentation: ConfigType, head: ConfigType,
                 feature: int = -1, taps: Sequence[int] = (0, 1, 2),
                 loss_mask: OptConfigType = None, loss_distillation: OptConfigType = None,
                 own_masks: bool = False, min_pixels: int = MIN_PIXELS,
                 max_regions: int = MAX_REGIONS, min_visible: float = 0.5,
                 data_preprocessor: OptConfigType = None, channels_last: bool = False,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.taps, self.own_masks, self.min_visible = tuple(taps), own_masks, min_visible
        self.min_pixels, self.max_regions = min_pixels, max_regions
        self.student = CharacterNetwork(backbone, head, feature)
        calm = dict(backbone, **({'drop_path_rate': 0.} if 'drop_path_rate' in backbone else {}))
        self.teacher = CharacterNetwork(calm, head, feature).requires_grad_(False)
        self.segmentation = MODELS.build(segmentation)
        self.loss_mask = MODELS.build(loss_mask or dict(type='TextMaskLoss'))
        directions = self.student.head.directions.size(0)
        self.loss_distillation = MODELS.build(dict(
            loss_distillation or dict(type='CharacterDistillationLoss'), channels=directions))
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.to(memory_format=self.memory_format)
        self._start_teacher()

    def init_weights(self) -> None:
        super().init_weights()
        self._start_teacher()

    def _start_teacher(self) -> None:
        self.teacher.load_state_dict(self.student.state_dict())

    @torch.no_grad()
    def update_teacher(self, momentum: float) -> None:
        """Move the teacher's parameters towards the student's: ``m p_t + (1 - m) p_s``. Statistics
        of batch norms are its own: it sees what the student sees, in training mode."""
        own, student = (list(network.parameters()) for network in (self.teacher, self.student))
        torch._foreach_mul_(own, momentum)
        torch._foreach_add_(own, student, alpha=1 - momentum)

    def forward(self, inputs: Tensor, data_samples: Sequence[TextRecogDataSample] | None = None,
                mode: str = 'tensor', **kwargs: Any) -> dict[str, Tensor] | tuple[Tensor, ...]:
        """``'loss'``: :meth:`loss`; ``'tensor'``: maps of the teacher's backbone of normalized
        images (N, 3, H, W). There is nothing to predict."""
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'tensor':
            with torch.no_grad():
                return self._maps(self.teacher, inputs)
        raise ValueError(f'{type(self).__name__} reads no words (mode {mode!r}): start a '
                         "recognizer from its weights, by WarmStartHook(parts={'backbone': "
                         "'teacher.backbone'}), and train that")

    def loss(self, inputs: Tensor,
             data_samples: Sequence[TextRecogDataSample]) -> dict[str, Tensor]:
        """Losses of mask and distillation; ``regions``, characters a word, and ``pairs``, those
        in both views; and what ``loss_distillation`` tells of the teacher.

        ``inputs`` are normalized views (2N, 3, H, W) of N words, the regular ones first.
        """
        maps = self._maps(self.student, inputs)
        logits = self.segmentation([maps[tap] for tap in self.taps])
        losses = dict(loss_mask=self.loss_mask(logits, stacked_masks(data_samples, inputs.device)))
        size = tuple(maps[self.student.feature].shape[-2:])
        regions, weights = self.find_regions(logits, data_samples, size)
        scores = self.student(maps, weights, regions)
        with torch.no_grad():
            targets = self.teacher(self._maps(self.teacher, inputs), weights, regions)
        losses.update(self.loss_distillation(scores, targets))
        words = len(data_samples)
        found = regions.labels[:words].flatten(1).amax(1).float().mean()
        return dict(losses, regions=found, pairs=found.new_full((), len(regions.words) / words))

    def find_regions(self, logits: Tensor, data_samples: Sequence[TextRecogDataSample],
                     size: tuple[int, int]) -> tuple[ViewRegions, Tensor]:
        """Characters of a batch, and their weights (2N, K, h * w) in maps of ``size`` (h, w)."""
        if self.own_masks:
            masks = text_pixels(logits[:len(data_samples)])
            regions = own_regions(masks, data_samples, self.min_pixels, self.max_regions,
                                  self.min_visible)
        else:
            regions = given_regions(data_samples, logits.device)
        return regions, region_weights(regions.labels, size, self.max_regions)

    def _maps(self, network: CharacterNetwork, inputs: Tensor) -> tuple[Tensor, ...]:
        return network.backbone(inputs.contiguous(memory_format=self.memory_format))

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData, LabelData
from mmocr.models.textdet.detectors import SingleStageTextDetector
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from mmocr.utils.typing_utils import ConfigType, InitConfigType, OptConfigType
from torch import Tensor

from ...geometry.grids import jittered_borders
from ..layers.targets import to_device
from ..target_generators.text_masks import gray_images
from .regions import (
    WordRegions,
    background_regions,
    checked_scene,
    detected_regions,
    region_points,
    word_regions,
)


@MODELS.register_module()
class SIGASpotter(SingleStageTextDetector):
    """A text spotter: MMOCR's detector and SIGA as its recognition head, trained as one.

    Training rectifies the annotated words, disturbed as a detector would. At inference the detected
    words are read ``read_chunk`` at a time, so that memory is bounded. Weights of MMOCR's ``DBNet``
    may be given as ``load_from``.

    Args:
        backbone, neck, det_head, data_preprocessor: As in ``DBNet``; the neck gives the shared
            features, one map (N, C, H, W).
        rec_head: A :class:`SIGARecHead`.
        rectifier, picture_rectifier: Rectify the shared features and the picture, which the text
            masks of the glyph head are made of and a head with ``reads='picture'`` reads.
        det_weight, rec_weight: Factors of the losses of the detector, ``det_*``, and of reading.
        max_regions: Most words that are read in a training step, drawn from its batch.
        background_regions: Regions without writing that are read in training besides, for each word
            of a picture, at least one a picture, so that reading learns to drop false detections.
        jitter: Standard deviation of the steps by which the corners of annotated words are moved in
            training, in heights of the word.
        grow: Least and greatest step by which each side is moved outwards, in heights of the word.
        min_side: Least height in pixels of annotated words that are read.
        min_text_score: Least mean score of the characters of words that are not dropped.
        char_polygons: Whether predictions say where each character is, by the glyph maps.
    """

    def __init__(self, backbone: ConfigType, neck: ConfigType, det_head: ConfigType,
                 rec_head: ConfigType,
                 rectifier: ConfigType = dict(  # noqa: B006
                     type='RegionRectifier', size=(16, 64)),
                 picture_rectifier: ConfigType = dict(  # noqa: B006
                     type='RegionRectifier', size=(32, 128)),
                 det_weight: float = 1.0, rec_weight: float = 1.0, max_regions: int = 64,
                 background_regions: float = 0.25, jitter: float = 0.05,
                 grow: tuple[float, float] = (-0.05, 0.2), min_side: float = 4.0,
                 min_text_score: float = 0.5, read_chunk: int = 128, char_polygons: bool = False,
                 data_preprocessor: OptConfigType = None, init_cfg: InitConfigType = None) -> None:
        super().__init__(backbone=backbone, neck=neck, det_head=det_head,
                         data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if min(max_regions, read_chunk) < 1 or grow[0] > grow[1]:
            raise ValueError('max_regions and read_chunk must be positive and grow in order, got '
                             f'{max_regions}, {read_chunk} and {tuple(grow)}')
        if not 0 <= background_regions <= 10:
            raise ValueError('background_regions are for each word and must be in [0, 10], got '
                             f'{background_regions}')
        self.rec_head = MODELS.build(rec_head)
        self.rectifier = MODELS.build(rectifier)
        self.picture_rectifier = MODELS.build(picture_rectifier)
        self.det_weight, self.rec_weight = det_weight, rec_weight
        self.max_regions, self.read_chunk = max_regions, read_chunk
        self.background_share = background_regions
        self.jitter, self.grow = jitter, tuple(grow)
        self.min_side, self.min_text_score = min_side, min_text_score
        self.char_polygons = char_polygons

    def loss(self, inputs: Tensor, data_samples: Sequence[TextDetDataSample]) -> dict[str, Tensor]:
        """Losses ``det_loss_*`` and ``rec_loss_*`` of normalized pictures (N, 3, H, W).

        ``gt_instances`` of the samples have ``polygons``, ``ignored`` and, where words are to be
        read, ``texts``. They are not changed. For the log there are ``rec_words`` that were read,
        ``rec_left_out`` for ``max_regions``, ``rec_backgrounds``, and ``faulty_polygons`` that were
        left out or ignored.
        """
        sizes = [sample.img_shape[:2] for sample in data_samples]
        scenes, faults = zip(*(checked_scene(sample.gt_instances, size)
                               for sample, size in zip(data_samples, sizes)))
        # Before the detector's losses, which write into polygons and flags.
        words = word_regions(scenes, self.rec_head.label, self.min_side)
        chosen = self._chosen(words)
        empty = background_regions(chosen, scenes, sizes, self.background_share, self.min_side)
        features = self.extract_feat(inputs)
        targets = [TextDetDataSample(metainfo=sample.metainfo, gt_instances=scene)
                   for sample, scene in zip(data_samples, scenes)]
        losses = {f'det_{name}': self.det_weight * loss
                  for name, loss in self.det_head.loss(features, targets).items()}
        read = self._reading_loss(inputs, features, chosen, empty)
        losses.update({f'rec_{name}': self.rec_weight * loss for name, loss in read.items()})
        count = len(chosen.texts)
        numbers = dict(rec_words=count, rec_left_out=len(words.texts) - count,
                       rec_backgrounds=len(empty.texts), faulty_polygons=sum(faults))
        return dict(losses, **{name: torch.tensor(float(n)) for name, n in numbers.items()})

    def _chosen(self, words: WordRegions) -> WordRegions:
        """At most ``max_regions`` words, with disturbed borders."""
        if len(words.texts) > self.max_regions:
            words = words.chosen(torch.randperm(len(words.texts))[:self.max_regions])
        return words._replace(borders=jittered_borders(words.borders, self.jitter, self.grow))

    def _reading_loss(self, inputs: Tensor, features: Tensor, words: WordRegions,
                      empty: WordRegions) -> dict[str, Tensor]:
        regions = words.joined(empty)
        if not regions.texts:
            return self.rec_head.no_loss()
        shared, picture = self.rectify(inputs, features, regions)
        samples = self.rec_head.samples(words.texts)
        return self.rec_head.loss(shared, samples, picture,
                                  gray_images(picture, self.data_preprocessor), len(empty.texts))

    def rectify(self, inputs: Tensor, features: Tensor,
                words: WordRegions) -> tuple[Tensor, Tensor]:
        """R regions of the shared features (N, C, H', W') and of the pictures (N, 3, H, W):
        (R, C, h, w) and (R, 3, h', w')."""
        borders, index = (to_device(t, inputs.device) for t in (words.borders, words.index))
        stride = inputs.shape[-1] / features.shape[-1]
        return (self.rectifier(features, borders, index, stride),
                self.picture_rectifier(inputs, borders, index))

    def predict(self, inputs: Tensor,
                data_samples: Sequence[TextDetDataSample]) -> Sequence[TextDetDataSample]:
        """Find and read words in normalized pictures (N, 3, H, W).

        ``pred_instances`` get ``polygons`` and ``scores`` of the detector, in pixels of the picture
        that was loaded, ``texts``, ``char_scores``, a list for each word, ``text_scores`` (R,),
        their means, and with ``char_polygons`` these, float32 (L, 8) for each word: upper left,
        upper right, lower right and lower left corner.
        """
        features = self.extract_feat(inputs)
        data_samples = self.det_head.predict(features, data_samples)
        scales = [self._scale(sample) for sample in data_samples]
        polygons = [[np.asarray(p, np.float64).reshape(-1, 2) * scale
                     for p in sample.pred_instances.polygons]
                    for sample, scale in zip(data_samples, scales)]
        words = detected_regions(polygons, [sample.img_shape[:2] for sample in data_samples])
        found: list[list] = [[] for _ in data_samples]
        results = zip(self._read(inputs, features, words), words.index.tolist(), words.rows)
        for k, (text, n, row) in enumerate(results):
            if text.item and np.mean(text.score) >= self.min_text_score:
                found[n].append((row, text, words.borders[k]))
        for sample, scale, read in zip(data_samples, scales, found):
            sample.pred_instances = _with_texts(sample.pred_instances, read)
            if self.char_polygons:
                sample.pred_instances.char_polygons = [
                    _character_polygons(text, borders, scale) for _, text, borders in read]
        return data_samples

    @torch.no_grad()
    def _read(self, inputs: Tensor, features: Tensor, words: WordRegions) -> Iterator[LabelData]:
        """Read R regions, ``read_chunk`` at a time."""
        for rows in torch.arange(len(words.rows)).split(self.read_chunk):
            shared, picture = self.rectify(inputs, features, words.chosen(rows))
            for sample in self.rec_head.predict(shared, picture=picture,
                                                char_boxes=self.char_polygons):
                yield sample.pred_text

    def _scale(self, sample: TextDetDataSample) -> np.ndarray:
        """Pixels of the network's input for one of the detector's polygons, along x and y."""
        rescaled = 'polygons' in (self.det_head.postprocessor.rescale_fields or ())
        return np.array(sample.scale_factor if rescaled else (1, 1), np.float64)


def _character_polygons(text: LabelData, borders: Tensor, scale: np.ndarray) -> np.ndarray:
    """float32 (L, 8), in pixels of the picture that was loaded."""
    corners = text.char_boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    points = region_points(borders.numpy(), corners) / scale
    return points.reshape(-1, 8).astype(np.float32)


def _with_texts(detected: InstanceData, found: Sequence[tuple]) -> InstanceData:
    """The detections that were read: (number, text, borders)."""
    instances = detected[torch.tensor([row for row, *_ in found], dtype=torch.long)]
    instances.texts = [text.item for _, text, _ in found]
    instances.char_scores = [list(text.score) for _, text, _ in found]
    instances.text_scores = torch.tensor([float(np.mean(s)) for s in instances.char_scores])
    return instances

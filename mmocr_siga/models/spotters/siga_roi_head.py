from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from mmocr.utils.typing_utils import ConfigType, InitConfigType, OptConfigType
from torch import Tensor

from .region_extractor import control_points

READ_CHUNK = 128  # words at a time at inference


@MODELS.register_module()
class SIGARoIHead(BaseModule):
    """SIGA after a detector that calls a RoI head, as ``RecRoIHead`` of MMOCR's ABCNet project.

    Args:
        roi_extractor: Called with the maps and the instances of each picture, gives (R, C, h, w):
            the project's own, or ``RegionExtractor``.
        rec_head: A :class:`SIGARecHead` with ``reads='shared'``; a glyph head needs the pictures in
            gray (``ScenePreprocessor``).
        neck: What the maps pass first.
        picture_rectifier: Rectifies the gray pictures for the text masks.
    """

    def __init__(self, roi_extractor: ConfigType, rec_head: ConfigType, neck: OptConfigType = None,
                 picture_rectifier: ConfigType = dict(  # noqa: B006
                     type='RegionRectifier', form='bezier_clockwise', size=(32, 128)),
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.neck = None if neck is None else MODELS.build(neck)
        self.roi_extractor = MODELS.build(roi_extractor)
        self.rec_head = MODELS.build(rec_head)
        self.picture_rectifier = MODELS.build(picture_rectifier)

    def loss(self, inputs: Sequence[Tensor],
             data_samples: Sequence[TextDetDataSample]) -> dict[str, Tensor]:
        """Losses of reading the ``gt_instances`` with ``ignored``, ``texts`` and ``beziers``, of
        maps (N, C, H_i, W_i)."""
        proposals = [_words(sample.gt_instances) for sample in data_samples]
        if not sum(len(p) for p in proposals):
            return self.rec_head.no_loss()
        features = self.roi_extractor(self._maps(inputs), proposals)
        with_masks = self.rec_head.glyph_head is not None
        gray = self._gray(data_samples, proposals) if with_masks else None
        return self.rec_head.loss(features, proposals, gray=gray)

    def predict(self, inputs: Sequence[Tensor],
                data_samples: Sequence[TextDetDataSample]) -> Sequence[TextDetDataSample]:
        """Read the detected words of maps (N, C, H_i, W_i): ``pred_instances`` get ``texts`` and
        ``text_scores``, a list of the characters' scores for each word, as the project's have."""
        maps = self._maps(inputs)
        for n, sample in enumerate(data_samples):
            found = sample.pred_instances
            texts, scores = [], []
            for rows in torch.arange(len(found)).split(READ_CHUNK):
                features = self.roi_extractor([m[n:n + 1] for m in maps], [found[rows]])
                for word in self.rec_head.predict(features):
                    texts.append(word.pred_text.item)
                    scores.append(list(word.pred_text.score))
            found.texts, found.text_scores = texts, scores
        return data_samples

    def _maps(self, inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        return inputs if self.neck is None else self.neck(inputs)

    def _gray(self, data_samples: Sequence[TextDetDataSample],
              proposals: Sequence[InstanceData]) -> Tensor:
        """Gray pictures (R, H, W) of the regions."""
        if any('gray_picture' not in sample for sample in data_samples):
            raise ValueError('the glyph head makes text masks of the pictures, which the samples '
                             "do not carry: use data_preprocessor=dict(type='ScenePreprocessor', "
                             '...), or glyph_head=None')
        pictures = torch.stack([sample.gray_picture.data for sample in data_samples])
        regions = control_points(proposals, pictures.device)
        return self.picture_rectifier(pictures, *regions)[:, 0]


def _words(instances: InstanceData) -> InstanceData:
    """Instances that are not ignored."""
    if len(instances) == 0 or 'ignored' not in instances:
        return instances
    return instances[~torch.as_tensor(instances.ignored, dtype=torch.bool).cpu()]

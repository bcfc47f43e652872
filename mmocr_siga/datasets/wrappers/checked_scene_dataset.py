"""Scenes in MMOCR's JSON for text spotting, without annotations that cannot be used."""
from __future__ import annotations

import os.path as osp
from typing import Any

from mmocr.datasets import OCRDataset
from mmocr.registry import DATASETS

from ..formats.scene_annotations import IGNORED_TEXTS, SceneReport, picture_size


@DATASETS.register_module()
class CheckedSceneDataset(OCRDataset):
    """``OCRDataset`` for training on scenes, without faulty words, which it counts and logs.

    A polygon that crosses itself is ignored with its convex hull, one without area, with fewer than
    three points or outside the picture is left out; words that say ``###`` or nothing are ignored,
    whatever their flag. A polygon may be missing where there is a ``bbox``. A scene without words
    stays.
    """

    def load_data_list(self) -> list[dict[str, Any]]:
        self.report = SceneReport()
        scenes = [self._checked(scene) for scene in super().load_data_list()]
        self.report.log(f'{type(self).__name__}({self.ann_file})')
        return scenes

    def _checked(self, scene: dict) -> dict:
        size = scene.get('height'), scene.get('width')
        if None in size:
            size = picture_size(scene['img_path'])
        name = osp.basename(scene['img_path'])
        kept = []
        for number, given in enumerate(scene.get('instances', []), 1):
            text = given.get('text')
            text = text if isinstance(text, str) else ''
            polygon = given.get('polygon')
            if polygon is None:
                polygon = _corners(given.get('bbox'))
            ignore = bool(given.get('ignore')) or text in IGNORED_TEXTS
            instance = self.report.add(f'{name}, word {number}', 0, polygon, text, size, ignore)
            if instance is not None:
                kept.append(dict(instance, bbox_label=given.get('bbox_label', 0)))
        self.report.scenes += 1
        return dict(scene, instances=kept)


def _corners(bbox: list[float] | None) -> list[float]:
    if bbox is None or len(bbox) != 4:
        return []
    left, top, right, bottom = bbox
    return [left, top, right, top, right, bottom, left, bottom]

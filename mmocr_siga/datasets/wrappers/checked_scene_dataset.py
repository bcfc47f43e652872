"""Scenes in MMOCR's JSON for text spotting, without annotations that cannot be used."""
from __future__ import annotations

import os.path as osp
from typing import Any

from mmocr.datasets import OCRDataset
from mmocr.registry import DATASETS

from ...text.label_rule import label_of
from ..formats.records import iterate_json_list, plain_entry, read_metainfo
from ..formats.scene_annotations import IGNORED_TEXTS, SceneProblem, SceneReport, picture_size


@DATASETS.register_module()
class CheckedSceneDataset(OCRDataset):
    """``OCRDataset`` for training on scenes, without faulty words, which it counts and logs.

    A polygon that crosses itself is ignored with its convex hull, one without area, with fewer than
    three points or outside the picture is left out; words that say ``###`` or nothing are ignored,
    whatever their flag. A polygon may be missing where there is a ``bbox``. A scene without words
    stays.
    """

    def load_data_list(self) -> list[dict[str, Any]]:
        self.report, scenes = SceneReport(), []
        for number, entry in enumerate(iterate_json_list(self.ann_file, 'data_list')):
            scene, problem = plain_entry(entry)
            try:
                if problem or not isinstance(scene['img_path'], str):
                    raise ValueError(problem or 'img_path is no text')
                scenes.append(self._checked(self.parse_data_info(scene)))
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                self.report.problems.append(SceneProblem(
                    f'{self.ann_file}, entry {number}', 0, f'cannot be read: {error!r}'))
        self._metainfo = {**read_metainfo(self.ann_file), **self._metainfo}
        self.report.log(f'{type(self).__name__}({self.ann_file})')
        return scenes

    def _checked(self, scene: dict) -> dict:
        size = scene.get('height'), scene.get('width')
        if None in size:
            size = picture_size(scene['img_path'])
        name = osp.basename(scene['img_path'])
        kept = []
        for number, given in enumerate(scene.get('instances', []), 1):
            place = f'{name}, word {number}'
            text, problem = label_of(given.get('text', ''))
            if problem:
                self.report.problems.append(SceneProblem(place, 0, problem, ignored=True))
            polygon = given.get('polygon')
            if polygon is None:
                polygon = _corners(given.get('bbox'))
            ignore = bool(given.get('ignore') or problem) or text in IGNORED_TEXTS
            instance = self.report.add(place, 0, polygon, text or '', size, ignore)
            if instance is not None:
                kept.append(dict(instance, bbox_label=given.get('bbox_label', 0)))
        self.report.scenes += 1
        return dict(scene, instances=kept)


def _corners(bbox: list[float] | None) -> list[float]:
    if bbox is None or len(bbox) != 4:
        return []
    left, top, right, bottom = bbox
    return [left, top, right, top, right, bottom, left, bottom]

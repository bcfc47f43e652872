"""Whole pictures with the words in them, from a folder of annotation files."""
from __future__ import annotations

import os.path as osp
from collections.abc import Sequence
from typing import Any

from mmocr.datasets import OCRDataset
from mmocr.registry import DATASETS

from .scene_annotations import IGNORED_TEXTS, SCENE_METAINFO, read_scenes, split_scenes

PARTS = ('all', 'train', 'test')


@DATASETS.register_module()
class ICDARSceneDataset(OCRDataset):
    """Scenes for detection and spotting, without converting them to MMOCR's JSON first.

    Samples are those that ``OCRDataset`` reads from that JSON. What is faulty is left out or
    ignored, counted and logged; see :func:`.read_scenes`. A scene without words stays.

    Args:
        ann_file: Folder of the annotation files, below ``data_root``.
        data_prefix: ``img_path``, folder of the pictures below ``data_root``; None for 'images'.
        form: Form of the annotation files, see :func:`.parse_scene_file`.
        ignored_texts: Texts that mark a region to be ignored.
        part: ``'all'``, or ``'train'`` or ``'test'``, the ``test_count`` scenes that are set aside.
        split_seed: Seed by which they are drawn; None takes the last ones.
        options: Other arguments of ``OCRDataset``; ``indices`` are of the scenes of the part.

    Raises:
        FileNotFoundError: If a folder is missing or no scene can be read.
        ValueError: If an argument is out of its range, or no scene is left for training.
    """

    METAINFO = SCENE_METAINFO

    def __init__(self, ann_file: str = 'gts', *, data_prefix: dict | None = None,
                 form: str = 'auto', ignored_texts: Sequence[str] = IGNORED_TEXTS,
                 part: str = 'all', test_count: int = 0, split_seed: int | None = 0,
                 **options: Any) -> None:
        if part not in PARTS:
            raise ValueError(f'part must be one of {PARTS}, but is {part!r}')
        self.form, self.ignored_texts = form, tuple(ignored_texts)
        self.part, self.test_count, self.split_seed = part, test_count, split_seed
        super().__init__(ann_file=ann_file, data_prefix=data_prefix or dict(img_path='images'),
                         **options)

    def load_data_list(self) -> list[dict[str, Any]]:
        folder = self.data_prefix['img_path']
        scenes, self.report = read_scenes(self.ann_file, folder, self.form, self.ignored_texts)
        self.report.log(f'{type(self).__name__}({self.ann_file})')
        if self.part != 'all':
            scenes = split_scenes(scenes, self.test_count, self.split_seed)[self.part == 'test']
        return [dict(scene, img_path=osp.join(folder, scene['img_path'])) for scene in scenes]

"""Whole pictures with the words in them, from a folder of annotation files."""
from __future__ import annotations

import logging
import os.path as osp
from collections.abc import Sequence
from typing import Any, Callable

from mmengine.logging import print_log
from mmocr.datasets import OCRDataset
from mmocr.registry import DATASETS

from .scene_annotations import IGNORED_TEXTS, read_scenes, split_scenes

__all__ = ['ICDARSceneDataset']

PARTS = ('all', 'train', 'test')


@DATASETS.register_module()
class ICDARSceneDataset(OCRDataset):
    """Scenes for detection and spotting, without converting them to MMOCR's JSON first.

    Samples are those that ``OCRDataset`` reads from that JSON: ``img_path``, ``height``, ``width``
    and ``instances`` with ``polygon``, ``bbox``, ``bbox_label``, ``ignore`` and ``text``. What is
    faulty is left out or ignored, counted and logged; see
    :func:`~mmocr_siga.datasets.formats.scene_annotations.read_scenes`. A scene without words stays.

    Args:
        ann_file (str): Folder of the annotation files, below ``data_root``. Defaults to ``'gts'``.
        data_root (str): Folder of both. Defaults to ''.
        data_prefix (dict): ``img_path``, folder of the pictures below ``data_root``. Defaults to
            ``dict(img_path='images')``.
        form (str): Form of the annotation files, see
            :func:`~mmocr_siga.datasets.formats.scene_annotations.parse_scene_file`. Defaults to
            ``'auto'``.
        ignored_texts (Sequence[str]): Texts that mark a region to be ignored. Defaults to
            ``('###', )``.
        part (str): ``'all'``, or ``'train'`` or ``'test'`` after setting scenes aside. Defaults to
            ``'all'``.
        test_count (int): Number of scenes in ``'test'``. Defaults to 0.
        split_seed (int, optional): Seed by which they are drawn; None takes the last ones.
            Defaults to 0.
        metainfo (dict, optional): Meta information. Defaults to None.
        filter_cfg (dict, optional): As in ``OCRDataset``. Defaults to None.
        indices (int or Sequence[int], optional): Use only these scenes of the part. Defaults to
            None.
        serialize_data (bool): Whether workers share the annotations. Defaults to True.
        pipeline (Sequence, optional): Transforms. Defaults to None.
        test_mode (bool): Whether a sample that cannot be used is an error. Defaults to False.
        lazy_init (bool): Whether to read the annotations only when needed. Defaults to False.
        max_refetch (int): Most tries to replace a sample. Defaults to 1000.

    Raises:
        FileNotFoundError: If a folder is missing or no scene can be read.
        ValueError: If an argument is out of its range, or no scene is left for training.
    """

    METAINFO = dict(dataset_type='TextSpottingDataset', task_name='textspotting',
                    category=[dict(id=0, name='text')])

    def __init__(self,
                 ann_file: str = 'gts',
                 data_root: str = '',
                 data_prefix: dict | None = None,
                 form: str = 'auto',
                 ignored_texts: Sequence[str] = IGNORED_TEXTS,
                 part: str = 'all',
                 test_count: int = 0,
                 split_seed: int | None = 0,
                 metainfo: dict | None = None,
                 filter_cfg: dict | None = None,
                 indices: int | Sequence[int] | None = None,
                 serialize_data: bool = True,
                 pipeline: Sequence[dict | Callable] | None = None,
                 test_mode: bool = False,
                 lazy_init: bool = False,
                 max_refetch: int = 1000) -> None:
        if part not in PARTS:
            raise ValueError(f'part must be one of {PARTS}, but is {part!r}')
        self.form, self.ignored_texts = form, tuple(ignored_texts)
        self.part, self.test_count, self.split_seed = part, test_count, split_seed
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=dict(data_prefix or dict(img_path='images')),
            filter_cfg=filter_cfg,
            indices=indices,
            serialize_data=serialize_data,
            pipeline=list(pipeline or []),
            test_mode=test_mode,
            lazy_init=lazy_init,
            max_refetch=max_refetch)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Read the annotation files.

        Returns:
            list[dict]: One entry a scene.
        """
        folder = self.data_prefix['img_path']
        scenes, self.report = read_scenes(self.ann_file, folder, self.form, self.ignored_texts)
        level = logging.WARNING if self.report.problems else logging.INFO
        print_log('\n'.join([f'{type(self).__name__}({self.ann_file}): {self.report.lines()[0]}',
                             *self.report.lines()[1:]]), logger='current', level=level)
        if self.part != 'all':
            scenes = split_scenes(scenes, self.test_count, self.split_seed)[self.part == 'test']
        return [dict(scene, img_path=osp.join(folder, scene['img_path'])) for scene in scenes]

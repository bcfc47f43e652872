"""Word images listed in a tab-separated table."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmocr.registry import DATASETS, TASK_UTILS

from .records import Record, read_tsv
from .word_file_dataset import WordFileDataset


@DATASETS.register_module()
class WordTSVDataset(WordFileDataset):
    """Word images listed in a table with one ``path TAB transcription`` a line.

    Blank lines are skipped.

    Args:
        ann_file: The table, below ``data_root``.
        parser_cfg: Config of a parser of lines; None for :class:`.TSVLabelParser`, which takes
            transcriptions literally.
        backend_args: Where the table is, see :mod:`mmengine.fileio`.
        options: Arguments of :class:`.WordFileDataset`.
    """

    def __init__(self, ann_file: str = '', *, parser_cfg: dict | None = None,
                 backend_args: dict | None = None, **options: Any) -> None:
        self.parser = TASK_UTILS.build(parser_cfg or dict(type='TSVLabelParser'))
        self.backend_args = backend_args
        super().__init__(ann_file=ann_file, **options)

    def records(self) -> Iterator[Record]:
        return read_tsv(self.ann_file, parser=self.parser, backend_args=self.backend_args)

"""Word images listed in JSON."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mmocr.registry import DATASETS

from .records import Record, read_json, read_json_lines, read_metainfo
from .word_file_dataset import WordFileDataset


@DATASETS.register_module()
class WordJSONDataset(WordFileDataset):
    """Word images listed in MMOCR's JSON or, in a file ``.jsonl``, in JSON lines.

    The samples are those of ``OCRDataset`` and ``RecogTextDataset``; a whole number is a label.

    Args:
        ann_file: The file, below ``data_root``.
        lines: Whether it holds JSON lines; None tells it by the suffix.
        keys: Keys of the path and the label in JSON lines.
        options: Arguments of :class:`.WordFileDataset`.
    """

    def __init__(self, ann_file: str = '', *, lines: bool | None = None,
                 keys: Sequence[str] = ('filename', 'text'), **options: Any) -> None:
        self.lines = ann_file.lower().endswith('.jsonl') if lines is None else lines
        self.keys = tuple(keys)
        super().__init__(ann_file=ann_file, **options)

    def records(self) -> Iterator[Record]:
        if self.lines:
            yield from read_json_lines(self.ann_file, keys=self.keys)
            return
        yield from read_json(self.ann_file)
        self._metainfo = {**read_metainfo(self.ann_file), **self._metainfo}

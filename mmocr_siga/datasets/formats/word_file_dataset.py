"""What data sets of words in files of text have in common."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.fileio import join_path

from .records import Record


class WordFileDataset(BaseDataset):
    """Words of an annotation file as its reader in :mod:`.records` gives them.

    Labels are in NFC. A word without a usable label is an error that names file, place and reason,
    unless ``strict`` is False, which :class:`.CheckedTextDataset` sets to count it.

    Raises:
        OSError: If there is no such file.
        ValueError: If it cannot be read, or lists no words; says where and why.
    """

    def __init__(self, ann_file: str = '', *, strict: bool = True, **options: Any) -> None:
        self.strict = strict
        super().__init__(ann_file=ann_file, **options)

    def records(self) -> Iterator[Record]:
        """Words of the file."""
        raise NotImplementedError

    def load_data_list(self) -> list[dict]:
        data_list, faulty = [], []
        for record in self.records():
            if record.text is None:
                place = f'{self.ann_file}, {record.name}'
                faulty.append(f'{place}: {record.problem}')
                info = dict(img_path=place, instances=[], problem=record.problem)
            else:
                info = record.info
                for key, folder in self.data_prefix.items():
                    info[key] = join_path(folder, info[key])
            data_list.append(info)
        if not data_list:
            raise ValueError(f'{self.ann_file} lists no words')
        if faulty and (self.strict or self.test_mode):
            raise ValueError(f'{len(faulty):,} of {len(data_list):,} words cannot be used:\n  '
                             + '\n  '.join(faulty[:5]))
        return data_list

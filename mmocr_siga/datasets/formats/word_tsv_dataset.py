"""Word images listed in a tab-separated table."""
from __future__ import annotations

from typing import Any

from mmengine.fileio import list_from_file
from mmengine.logging import print_log
from mmocr.datasets import RecogTextDataset
from mmocr.registry import DATASETS


@DATASETS.register_module()
class WordTSVDataset(RecogTextDataset):
    """Word images listed in a table with one ``path TAB transcription`` a line.

    ``RecogTextDataset`` with a parser that takes transcriptions literally, :class:`.TSVLabelParser`
    or another; blank lines are skipped and counted in the log.

    Raises:
        FileNotFoundError: If there is no table.
        ValueError: If a line cannot be read, which is named, or all are blank.
    """

    def __init__(self, ann_file: str = '', *, parser_cfg: dict | None = None,
                 **options: Any) -> None:
        super().__init__(ann_file=ann_file, parser_cfg=parser_cfg or dict(type='TSVLabelParser'),
                         **options)

    def load_data_list(self) -> list[dict]:
        lines = list_from_file(self.ann_file, backend_args=self.backend_args)
        data_list = []
        for number, line in enumerate(lines, 1):
            if not line.strip('\ufeff \t\r\n'):
                continue
            try:
                data_list.append(self.parse_data_info(line))
            except ValueError as error:
                raise ValueError(f'{self.ann_file}, line {number}: {error}') from None
        if not data_list:
            raise ValueError(f'{self.ann_file} lists no words')
        if len(data_list) < len(lines):
            print_log(f'{self.ann_file}: skipped {len(lines) - len(data_list)} blank lines',
                      logger='current')
        return data_list

"""Word images listed in a tab-separated table."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from mmengine.fileio import list_from_file
from mmengine.logging import print_log
from mmocr.datasets import RecogTextDataset
from mmocr.registry import DATASETS

__all__ = ['WordTSVDataset']


@DATASETS.register_module()
class WordTSVDataset(RecogTextDataset):
    """Word images listed in a table with one ``path TAB transcription`` a line.

    ``RecogTextDataset`` with a parser that takes transcriptions literally, see
    :class:`.TSVLabelParser`; blank lines are skipped and counted in the log, and a line that
    cannot be read is an error with its number.

    Args:
        ann_file (str): Path of the table. Defaults to ''.
        backend_args (dict, optional): Where it is read from, see
            :func:`mmengine.fileio.list_from_file`. Defaults to None.
        parser_cfg (dict): Parser of a line. Defaults to ``dict(type='TSVLabelParser')``.
        metainfo (dict, optional): Meta information of the data set. Defaults to None.
        data_root (str): Folder of ``ann_file`` and ``data_prefix``. Defaults to ''.
        data_prefix (dict, optional): ``img_path``: folder of the images. Defaults to None, the
            same as ``data_root``.
        filter_cfg (dict, optional): Not used. Defaults to None.
        indices (int or Sequence[int], optional): Lines to take. Defaults to None, all.
        serialize_data (bool): Whether workers share the table. Defaults to True.
        pipeline (Sequence, optional): Transforms. Defaults to None, no transforms.
        test_mode (bool): Whether a sample without a result is an error. Defaults to False.
        lazy_init (bool): Whether to read the table only when it is needed. Defaults to False.
        max_refetch (int): Most replacements of one sample. Defaults to 1000.

    Raises:
        FileNotFoundError: If there is no table.
        ValueError: If a line cannot be read, or all are blank.
    """

    def __init__(self,
                 ann_file: str = '',
                 backend_args: dict | None = None,
                 parser_cfg: dict | None = None,
                 metainfo: dict | None = None,
                 data_root: str = '',
                 data_prefix: dict | None = None,
                 filter_cfg: dict | None = None,
                 indices: int | Sequence[int] | None = None,
                 serialize_data: bool = True,
                 pipeline: Sequence[dict | Callable] | None = None,
                 test_mode: bool = False,
                 lazy_init: bool = False,
                 max_refetch: int = 1000) -> None:
        super().__init__(
            ann_file=ann_file,
            backend_args=backend_args,
            parser_cfg=parser_cfg or dict(type='TSVLabelParser'),
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=data_prefix or dict(img_path=''),
            filter_cfg=filter_cfg,
            indices=indices,
            serialize_data=serialize_data,
            pipeline=pipeline or [],
            test_mode=test_mode,
            lazy_init=lazy_init,
            max_refetch=max_refetch)

    def load_data_list(self) -> list[dict]:
        """Read the table.

        Returns:
            list[dict]: ``img_path`` and ``instances``, a list of one ``dict(text=...)``, a word.

        Raises:
            ValueError: If a line cannot be read, or all are blank.
        """
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

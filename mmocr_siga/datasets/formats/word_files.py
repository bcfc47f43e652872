"""From a path to the data set that reads it."""
from __future__ import annotations

import os.path as osp

__all__ = ['FORMS', 'words_config']

FORMS = ("an LMDB database (its folder, or its .mdb file), MMOCR's .json, a table .tsv of "
         "'path<tab>transcription', JSON lines .jsonl of filename and text, or a .txt of "
         "'path transcription'")


def words_config(path: str) -> dict:
    """Config of the data set in a file or folder, for testing, without a pipeline.

    Paths of images are relative to the folder of the file.

    Args:
        path (str): A database, table or JSON file.

    Returns:
        dict: Config of ``WordLMDBDataset``, ``OCRDataset``, ``WordTSVDataset`` or
        ``RecogTextDataset``.

    Raises:
        FileNotFoundError: If there is nothing at the path, or a folder without a database.
        ValueError: If the file is of none of these forms.
    """
    if osp.isdir(path):
        if not osp.isfile(osp.join(path, 'data.mdb')):
            raise FileNotFoundError(f'the folder {path!r} holds no LMDB database (data.mdb); give '
                                    f'the path of the file with the words: {FORMS}')
        return _config('WordLMDBDataset', path)
    if not osp.isfile(path):
        raise FileNotFoundError(f'no words at {path!r}')
    suffix = osp.splitext(path)[1].lower()
    if suffix == '.mdb':
        return _config('WordLMDBDataset', path)
    if suffix == '.json':
        return _config('OCRDataset', path)
    if suffix == '.jsonl':
        return _config('RecogTextDataset', path)
    if suffix not in ('.tsv', '.txt'):
        raise ValueError(f'{path!r} is of no form that is known here: expected {FORMS}')
    if suffix == '.tsv' or _has_tab(path):
        return _config('WordTSVDataset', path)
    parser = dict(type='LineStrParser', keys=['filename', 'text'])
    return dict(_config('RecogTextDataset', path), parser_cfg=parser)


def _config(kind: str, path: str) -> dict:
    if kind == 'WordLMDBDataset':
        return dict(type=kind, ann_file=path, test_mode=True, pipeline=None)
    folder, name = osp.split(path)
    return dict(type=kind, data_root=folder or '.', ann_file=name, test_mode=True, pipeline=None)


def _has_tab(path: str) -> bool:
    with open(path, encoding='utf-8', errors='replace') as file:
        return '\t' in next((line for line in file if line.strip()), '')

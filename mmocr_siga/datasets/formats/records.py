"""Labelled word images of any format, one at a time.

A *record* is a word with its label and the means to read its image. What is wrong with a label is
told in the record; what is wrong with an image is found by :func:`.conversion.image_problem`.
"""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ijson

from ...images import IMAGE_SUFFIXES, walk_pictures
from ...text.label_rule import single_label
from .lmdb_reader import LMDBReader, decode_label
from .tsv_label_parser import TSVLabelParser
from .writers import parse_boxes

KINDS = ('json', 'jsonl', 'tsv', 'folder', 'lmdb')
FOLDER_LABELS = ('sidecar', 'parent', 'stem', 'mjsynth')
FORMS = ("an LMDB database (its folder, or its .mdb file), MMOCR's .json, a table .tsv of "
         "'path<tab>transcription', JSON lines .jsonl of filename and text, or a .txt of "
         "'path transcription'")


@dataclass
class Record:
    """A word; ``load`` and ``load_mask`` raise an OSError if they cannot read."""
    name: str  # path of the image or its key, for messages
    text: str | None  # the label
    load: Callable[[], bytes]  # the encoded image
    problem: str = ''  # what is wrong with the label
    boxes: list | None = None  # x, y, width, height of each character
    load_mask: Callable[[], bytes] | None = None  # the encoded glyph mask


def _from_file(root: os.PathLike, path: str, text: str | None, problem: str = '',
               boxes: list | None = None, mask: str | None = None) -> Record:
    if text is None:
        problem = problem or 'has no label, or several'
    elif not text:
        problem = problem or 'has an empty label'
    return Record(path, text, Path(root, path).read_bytes, problem, boxes,
                  Path(root, mask).read_bytes if mask else None)


def iterate_json_list(path: os.PathLike, key: str) -> Iterator[Any]:
    """Read the elements of a list in a JSON object one by one, without loading the file.

    A ValueError if the file is no valid JSON, as when it is cut off, or has no such list.
    """
    found = False
    try:
        with open(path, 'rb') as file:
            _skip_mark(file)
            for element in ijson.items(file, f'{key}.item', use_float=True):
                found = True
                yield element
            # An empty list, and something else than a list, have no elements.
            file.seek(0)
            _skip_mark(file)
            found = found or next(ijson.items(file, key), None) == []
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise ValueError(f'{path} is no valid JSON, or cut off: {error}') from None
    if not found:
        raise ValueError(f'{path} has no list {key!r}: is it an annotation file of MMOCR?')


def _skip_mark(file: Any) -> None:
    if file.read(3) != b'\xef\xbb\xbf':
        file.seek(0)


def read_json(path: os.PathLike, root: os.PathLike | None = None) -> Iterator[Record]:
    """Records of MMOCR's annotation file (``data_list``), streamed.

    Paths of images are relative to ``root``, or else to the folder of the file.
    """
    root = Path(path).parent if root is None else root
    for number, info in enumerate(iterate_json_list(path, 'data_list')):
        if not isinstance(info, dict) or not isinstance(info.get('img_path'), str):
            yield Record(f'entry {number}', None, bytes, 'has no img_path')
            continue
        text = single_label(info)
        boxes = info['instances'][0].get('char_boxes') if text is not None else None
        yield _from_file(root, info['img_path'], text, boxes=boxes, mask=info.get('mask_path'))


def read_json_lines(path: os.PathLike, root: os.PathLike | None = None) -> Iterator[Record]:
    """Records of a file with ``{"filename": ..., "text": ...}`` in each line; see `read_json`."""
    root = Path(path).parent if root is None else root
    with open(path, 'rb') as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                entry = json.loads(line.decode('utf-8-sig'))
                name, text = entry['filename'], entry.get('text')
            except (ValueError, KeyError, TypeError, AttributeError):
                yield Record(f'line {number}', None, bytes, 'is not {"filename": ..., "text": ...}')
                continue
            yield _from_file(root, str(name), text if isinstance(text, str) else None)


def read_tsv(path: os.PathLike, root: os.PathLike | None = None) -> Iterator[Record]:
    """Records of a table ``path TAB transcription``; see :class:`.TSVLabelParser`, `read_json`."""
    root = Path(path).parent if root is None else root
    parser = TSVLabelParser()
    with open(path, 'rb') as file:
        for number, line in enumerate(file, 1):
            name = f'line {number}'
            try:
                entry = parser(line.decode('utf-8'))
            except UnicodeDecodeError:
                path_part = line.partition(b'\t')[0].decode('utf-8', 'replace')
                yield Record(f'{name} ({path_part})', None, bytes, 'is not UTF-8')
                continue
            except ValueError:
                if line.strip(b'\xef\xbb\xbf \t\r\n'):
                    yield Record(name, None, bytes, 'has no tab between a path and a label')
                continue
            yield _from_file(root, entry['filename'], entry['text'])


def read_folder(path: os.PathLike, labels: str = 'sidecar') -> Iterator[Record]:
    """Records of the images in a folder and its subfolders; a ValueError if there is none.

    A label is in a text file beside the image ('sidecar'), is the name of its folder ('parent'), or
    part of its own name: ``word_12.jpg`` ('stem') or ``12_word_345.jpg`` ('mjsynth'). What else
    lies there is a record, too, with the reason why it is left out.
    """
    if labels not in FOLDER_LABELS:
        raise ValueError(f'labels must be one of {FOLDER_LABELS}, but is {labels!r}')
    root, found = os.fspath(path), False
    for file, problem in walk_pictures(root):
        name = os.path.relpath(file, root)
        if not problem:
            found = True
            yield _from_file(root, name, *_folder_label(Path(file), labels))
        elif labels != 'sidecar' or not _is_sidecar(file):
            yield Record(name, None, bytes, problem)
    if not found:
        raise ValueError(f'no image ({", ".join(IMAGE_SUFFIXES)}) under {root!r}')


def _is_sidecar(file: str) -> bool:
    """Whether a file holds the label of a picture beside it."""
    stem, suffix = os.path.splitext(file)
    # In either case, as folder listings of Windows are.
    return suffix == '.txt' and any(
        os.path.exists(stem + case(known)) for known in IMAGE_SUFFIXES
        for case in (str.lower, str.upper))


def _folder_label(path: Path, labels: str) -> tuple[str | None, str]:
    """Label of an image in a folder, and what is wrong with it."""
    if labels == 'parent':
        return path.parent.name, ''
    if labels == 'stem':
        stem, _, number = path.stem.rpartition('_')
        return (stem if stem and number.isdigit() else path.stem), ''
    if labels == 'mjsynth':
        parts = path.stem.split('_')
        return (parts[1], '') if len(parts) == 3 else (None, 'is not named NUMBER_LABEL_NUMBER')
    try:
        return path.with_suffix('.txt').read_bytes().decode('utf-8-sig').rstrip('\r\n'), ''
    except FileNotFoundError:
        return None, 'has no text file beside it'
    except UnicodeDecodeError:
        return None, 'has a label that is not UTF-8'


def read_lmdb(path: os.PathLike) -> Iterator[Record]:
    """Records of an LMDB database, with masks and character boxes where it has them."""
    reader = LMDBReader(os.fspath(path))
    try:
        for i in range(1, reader.count() + 1):
            image, label, mask, boxes = reader.get(*(f'{kind}-{i:09d}' for kind in (
                'image', 'label', 'mask', 'boxes')))
            text, problem = decode_label(label)
            yield Record(f'image-{i:09d}', text, lambda data=image: data,
                         'is missing' if image is None else problem,
                         parse_boxes(boxes.decode()) if boxes else None,
                         (lambda data=mask: data) if mask else None)
    finally:
        reader.close()


def open_source(path: os.PathLike, kind: str = 'auto', root: os.PathLike | None = None,
                labels: str = 'sidecar') -> Iterator[Record]:
    """Records of a file, folder or database; kinds and errors as of :func:`source_kind`.

    ``root`` is the folder of the images of a table, if not its own; ``labels``: see
    :func:`read_folder`.
    """
    kind = source_kind(path, kind)
    if kind == 'folder':
        return read_folder(path, labels)
    if kind == 'lmdb':
        return read_lmdb(path)
    return {'json': read_json, 'jsonl': read_json_lines, 'tsv': read_tsv}[kind](path, root)


def source_kind(path: os.PathLike, kind: str = 'auto') -> str:
    """Format of a file, folder or database: 'auto' tells it by the suffix or by ``data.mdb``.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If the kind cannot be told, or is another.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f'{str(path)!r} does not exist')
    if kind == 'auto' and path.is_dir():
        kind = 'lmdb' if (path / 'data.mdb').exists() else 'folder'
    elif kind == 'auto':
        kind = {'.txt': 'tsv', '.mdb': 'lmdb'}.get(path.suffix.lower(), path.suffix.lower()[1:])
    if kind not in KINDS:
        raise ValueError(f'cannot tell the format of {str(path)!r}; give one of '
                         f'{", ".join(KINDS)}')
    return kind


def words_config(path: str) -> dict:
    """Config of the data set in a file or folder, for testing, without a pipeline.

    Raises:
        FileNotFoundError: If there is nothing at the path, or a folder without a database.
        ValueError: If the file is of none of the :data:`FORMS`.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f'no words at {path!r}')
    common = dict(test_mode=True, pipeline=None)
    suffix = os.path.splitext(path)[1].lower()
    if os.path.isdir(path) and source_kind(path) != 'lmdb':
        raise FileNotFoundError(f'the folder {path!r} holds no LMDB database (data.mdb); give '
                                f'the path of the file with the words: {FORMS}')
    if os.path.isdir(path) or suffix == '.mdb':
        return dict(common, type='WordLMDBDataset', ann_file=path)
    folder, name = os.path.split(path)
    common.update(data_root=folder or '.', ann_file=name)
    if suffix == '.txt':
        with open(path, encoding='utf-8', errors='replace') as file:
            if '\t' not in next((line for line in file if line.strip()), ''):
                return dict(common, type='RecogTextDataset',
                            parser_cfg=dict(type='LineStrParser', keys=['filename', 'text']))
    kinds = {'.json': 'OCRDataset', '.jsonl': 'RecogTextDataset', '.tsv': 'WordTSVDataset',
             '.txt': 'WordTSVDataset'}
    if suffix not in kinds:
        raise ValueError(f'{path!r} is of no form that is known here: expected {FORMS}')
    return dict(common, type=kinds[suffix])

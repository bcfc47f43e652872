"""Labelled word images of any format, one at a time.

A *record* is a word with its label and the means to read its image. What is wrong with a label is
told in the record; what is wrong with an image is found by :func:`.conversion.image_problem`.
"""
from __future__ import annotations

import io
import json
import mmap
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import ijson
from mmocr.registry import TASK_UTILS

from ...images import IMAGE_SUFFIXES, read_file, walk_pictures
from ...text.files import open_text, read_lines, text_problem
from ...text.label_rule import single_label
from .lmdb_reader import DAMAGED, LMDBReader, decode_label
from .writers import parse_boxes

# An escape of JSON for one half of a surrogate pair without the other.
_HALF_PAIR = re.compile(rb'\\u[dD](?:[89abAB]..(?!\\u[dD][c-fC-F])|'
                        rb'(?<!\\u[dD][89abAB]..\\u[dD])[c-fC-F])')
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
    info: dict | None = None  # of files: what the annotation holds, as an entry of ``data_list``


def _record(root: os.PathLike, place: str, info: Any, problem: str = '') -> Record:
    """A word by what its annotation holds, an entry of ``data_list``; ``place`` is where it is."""
    path = info.get('img_path') if isinstance(info, dict) else None
    if not isinstance(path, str) or not path:
        return Record(place, None, bytes, problem or 'has no img_path')
    if text_problem(path):
        return Record(place, None, bytes, problem or f'has a path that {text_problem(path)}')
    text, found = single_label(info)
    boxes = None
    if not (problem or found):
        try:
            boxes = _whole(info['instances'][0].get('char_boxes'))
        except (TypeError, ValueError):
            found = 'has char_boxes that are no lists of whole numbers'
        info['instances'][0]['text'] = text
    mask, problem = info.get('mask_path'), problem or found
    return Record(
        path, None if problem else text, _reader(root, path),
        problem or ('' if text else 'has an empty label'), boxes,
        _reader(root, mask) if isinstance(mask, str) else None, info)


def _reader(root: os.PathLike, path: str) -> Callable[[], bytes]:
    return partial(read_file, os.path.join(root, path))


def _whole(boxes: Any) -> list | None:
    return None if boxes is None else [[int(value) for value in box] for box in boxes]


class _Object(dict):
    """An object of JSON that remembers a key which it has twice."""
    repeated: str | None = None

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self:
            self.repeated = key
        super().__setitem__(key, value)

    @classmethod
    def of(cls, pairs: list[tuple[str, Any]]) -> _Object:
        made = cls()
        for pair in pairs:
            made[pair[0]] = pair[1]
        return made


def plain_entry(value: Any) -> tuple[Any, str]:
    """An entry of JSON without :class:`_Object`, and what is wrong with it, or ''."""
    problems: list[str] = []

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(each) for each in value]
        if not isinstance(value, _Object):
            return value
        if value.repeated is not None:
            problems.append(f'has the key {value.repeated!r} twice')
        return {key: plain(each) for key, each in value.items()}

    try:
        return plain(value), next(iter(problems), '')
    except RecursionError:
        return None, 'is nested too deeply'


def read_metainfo(path: os.PathLike) -> dict:
    """What an annotation file of MMOCR says of itself; empty if nothing."""
    with open_text(path) as file:
        found = next(ijson.items(file, 'metainfo'), None)
    return found if isinstance(found, dict) else {}


def _mapped(file: BinaryIO) -> mmap.mmap | bytes:
    """Content of a file, not read into memory."""
    if isinstance(file, io.BytesIO):
        return file.getvalue()
    if not os.fstat(file.fileno()).st_size:
        return b''
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def iterate_json_list(path: os.PathLike, key: str) -> Iterator[Any]:
    """Read the elements of a list in a JSON object one by one, without loading the file.

    A ValueError if the file is no valid JSON, as when it is cut off, or has no such list.
    """
    count = 0
    try:
        with open_text(path) as file:
            if _HALF_PAIR.search(_mapped(file)):  # which ijson would read as '?'
                elements = json.load(file, object_pairs_hook=_Object.of)[key]
            else:
                elements = ijson.items(file, f'{key}.item', use_float=True, map_type=_Object)
            for element in elements:
                count += 1
                yield element
        if count:
            return
        # An empty list, and something else than a list, have no elements.
        with open_text(path) as file:
            found = next(ijson.items(file, key), None) == []
    except (ijson.JSONError, ValueError, KeyError, TypeError, RecursionError) as error:
        wrong = next(((number, problem) for number, line in read_lines(path)
                      if (problem := text_problem(line))), None)
        raise ValueError(
            f'{path}, line {wrong[0]}: {wrong[1]}' if wrong else
            f'{path} is no valid JSON, or cut off, after {count:,} entries of {key}: '
            f'{" ".join(str(error).split())[:200]}') from None
    if not found:
        raise ValueError(f'{path} has no list {key!r}: is it an annotation file of MMOCR?')


def read_json(path: os.PathLike, root: os.PathLike | None = None) -> Iterator[Record]:
    """Records of MMOCR's annotation file (``data_list``), streamed.

    Paths of images are relative to ``root``, or else to the folder of the file.
    """
    root = Path(path).parent if root is None else root
    for number, entry in enumerate(iterate_json_list(path, 'data_list')):
        yield _record(root, f'entry {number}', *plain_entry(entry))


def read_json_lines(path: os.PathLike, root: os.PathLike | None = None,
                    keys: Sequence[str] = ('filename', 'text')) -> Iterator[Record]:
    """Records of a file with ``{"filename": ..., "text": ...}`` in each line; see `read_json`."""
    root = Path(path).parent if root is None else root
    for number, line in read_lines(path):
        place, problem = f'line {number}', text_problem(line)
        if not line.strip('\ufeff \t'):
            continue
        try:
            entry, repeated = plain_entry(json.loads(line, object_pairs_hook=_Object.of))
            path_, rest = entry[keys[0]], [entry[keys[1]]] if keys[1] in entry else []
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            yield Record(place, None, bytes, problem or 'is not '
                         f'{{"{keys[0]}": ..., "{keys[1]}": ...}}')
            continue
        info = dict(img_path=path_, instances=[dict(text=text) for text in rest])
        yield _record(root, place, info, problem or repeated)


def line_parser(path: os.PathLike) -> dict:
    """Config of the parser of a table's lines: some .txt have a blank in place of the tab."""
    if os.fspath(path).lower().endswith('.txt'):
        first = next((line for _, line in read_lines(path) if line.strip('\ufeff \t')), '\t')
        if '\t' not in first:
            return dict(type='LineStrParser', keys=['filename', 'text'])
    return dict(type='TSVLabelParser')


def read_tsv(path: os.PathLike, root: os.PathLike | None = None,
               parser: Callable[[str], dict] | None = None,
               backend_args: dict | None = None) -> Iterator[Record]:
    """Records of a table ``path TAB transcription``, or of lines as another parser reads them.

    All lines need as many columns as the first one, so that nothing is cut off a label.
    """
    root = Path(path).parent if root is None else root
    parser = parser or TASK_UTILS.build(line_parser(path))
    separator = getattr(parser, 'separator', '\t')
    # Further columns belong to a table; where a blank separates them, a label cannot have one.
    columns = None if separator == '\t' else len(parser.keys)
    for number, line in read_lines(path, backend_args):
        if not line.strip('\ufeff \t'):
            continue
        place, problem = f'line {number}', text_problem(line)
        try:
            name, text = (parser(line)[key] for key in parser.keys)
        except ValueError:
            yield Record(place, None, bytes, problem or 'has no tab between a path and a label')
            continue
        found = len(line.strip(' ' if separator == ' ' else '').split(separator))
        columns = columns or found
        if found != columns:
            problem = problem or f'has {found} columns in place of {columns}'
        record = _record(root, place, dict(img_path=name, instances=[dict(text=text)]), problem)
        if problem:
            shown = name.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')
            record.name = f'{place} ({shown[:100]})'
        yield record


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
            yield _folder_record(root, name, *_folder_label(Path(file), labels))
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


def _folder_record(root: str, name: str, text: str | None, problem: str) -> Record:
    return _record(root, name, dict(img_path=name, instances=[dict(text=text)]), problem)


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
        lines = [line for _, line in read_lines(path.with_suffix('.txt'))]
    except FileNotFoundError:
        return None, 'has no text file beside it'
    except (OSError, ValueError) as error:
        return None, f'has a text file that cannot be read ({error})'
    while lines and not lines[-1]:
        lines.pop()
    return '\n'.join(lines), 'has several lines in the text file beside it' * (len(lines) > 1)


def read_lmdb(path: os.PathLike) -> Iterator[Record]:
    """Records of an LMDB database, with masks and character boxes where it has them."""
    reader = LMDBReader(os.fspath(path))
    try:
        for i in range(1, reader.count() + 1):
            yield _lmdb_record(reader, i)
    finally:
        reader.close()


def _lmdb_record(reader: LMDBReader, number: int) -> Record:
    name = f'image-{number:09d}'
    try:
        image, label, mask, boxes = reader.get(*(f'{kind}-{number:09d}' for kind in (
            'image', 'label', 'mask', 'boxes')))
    except OSError:
        return Record(name, None, bytes, DAMAGED)
    text, problem = decode_label(label)
    try:
        cut = parse_boxes(boxes.decode()) if boxes else None
    except ValueError:
        cut, problem = None, problem or 'has boxes that cannot be read'
    return Record(name, text, lambda: image, 'is missing' if image is None else problem, cut,
                  (lambda: mask) if mask else None)


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
    if suffix in ('.tsv', '.txt'):
        return dict(common, type='WordTSVDataset', parser_cfg=line_parser(path))
    if suffix not in ('.json', '.jsonl'):
        raise ValueError(f'{path!r} is of no form that is known here: expected {FORMS}')
    return dict(common, type='WordJSONDataset')

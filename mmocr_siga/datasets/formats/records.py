"""Labelled word images of any format, one at a time, and their conversion.

A *record* is a word with its label and the means to read its image. What is wrong with a label is
told in the record; what is wrong with an image is found by :func:`image_problem`.
"""
from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...images import IMAGE_SUFFIXES, image_suffix
from ...text.label_rule import single_label
from .lmdb_reader import LMDBReader
from .tsv_label_parser import TSVLabelParser
from .writers import WordWriter, parse_boxes

__all__ = [
    'Conversion', 'ContentSum', 'FOLDER_LABELS', 'Record', 'SkipList', 'check_content', 'convert',
    'image_problem', 'iterate_json_list', 'open_source', 'read_folder', 'read_json',
    'read_json_lines', 'read_lmdb', 'read_tsv', 'source_kind'
]

FOLDER_LABELS = ('sidecar', 'parent', 'stem', 'mjsynth')
_SUFFIXES = IMAGE_SUFFIXES + ('.tif', '.tiff', '.gif')


@dataclass
class Record:
    """A word.

    Args:
        name (str): Path of the image or its key, for messages.
        text (str, optional): The label; None if there is none.
        load (callable): Reads the encoded image; raises an OSError if it cannot.
        problem (str): What is wrong with the label; '' if nothing is.
        boxes (list, optional): Character boxes: x, y, width, height of each.
        load_mask (callable, optional): Reads the encoded glyph mask.
    """
    name: str
    text: str | None
    load: Callable[[], bytes]
    problem: str = ''
    boxes: list | None = None
    load_mask: Callable[[], bytes] | None = None


def _from_file(root: str, path: str, text: str | None, problem: str = '',
               boxes: list | None = None, mask: str | None = None) -> Record:
    def reader(name: str) -> Callable[[], bytes]:
        return Path(root, name).read_bytes
    return Record(path, text, reader(path), problem or _label_problem(text), boxes,
                  reader(mask) if mask else None)


def _label_problem(text: str | None) -> str:
    if text is None:
        return 'has no label, or several'
    return '' if text else 'has an empty label'


def iterate_json_list(path: os.PathLike, key: str, block: int = 1 << 20) -> Iterator[Any]:
    """Read the elements of a list in a JSON object one by one, without loading the file.

    Args:
        path (path): UTF-8 file whose top level is an object.
        key (str): Key of the list; other values are skipped.
        block (int): Characters read at a time. Defaults to 2 ** 20.

    Yields:
        Any: The elements.

    Raises:
        ValueError: If the file is not such an object, has no such list, or is cut off.
    """
    with open(path, encoding='utf-8-sig') as file:
        scanner = _JSONScanner(file, str(path), block)
        scanner.expect('{')
        while scanner.peek() == '"':
            name = scanner.value()
            scanner.expect(':')
            if name == key and scanner.peek() == '[':
                yield from scanner.elements()
                return
            scanner.value()
            if scanner.peek() == ',':
                scanner.expect(',')
    raise ValueError(f'{path} has no list {key!r}: is it an annotation file of MMOCR?')


class _JSONScanner:
    """A window over a JSON file."""

    def __init__(self, file: io.TextIOBase, name: str, block: int) -> None:
        self._file, self._name, self._block = file, name, block
        self._text, self._at, self._ended = '', 0, False
        self._decoder = json.JSONDecoder()

    def _more(self) -> bool:
        try:
            block = self._file.read(self._block)
        except UnicodeDecodeError as error:
            raise ValueError(f'{self._name} is not UTF-8: {error}') from None
        self._text, self._at = self._text[self._at:] + block, 0
        self._ended = not block
        return not self._ended

    def peek(self) -> str:
        """The next character that is no blank; '' at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in ' \t\r\n':
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ''

    def expect(self, char: str) -> None:
        found = self.peek()
        if found != char:
            raise ValueError(f'{self._name} is no valid JSON object, or cut off: expected '
                             f'{char!r}, found {found or "the end"!r}')
        self._at += 1

    def value(self) -> Any:
        self.peek()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
                # A number goes on beyond what does not end a value, as '1' of '1.5' does.
                if self._ended or self._text[end:end + 1] in tuple(' \t\r\n,:]}'):
                    self._at = end
                    return found
            except json.JSONDecodeError as error:
                if self._ended:
                    raise ValueError(f'{self._name} is no valid JSON, or cut off: {error}'
                                     ) from None
            self._more()

    def elements(self) -> Iterator[Any]:
        self.expect('[')
        while self.peek() != ']':
            yield self.value()
            if self.peek() != ']':
                self.expect(',')


def read_json(path: os.PathLike, root: os.PathLike | None = None) -> Iterator[Record]:
    """Records of MMOCR's annotation file (``data_list``), streamed.

    Args:
        path (path): The file.
        root (path, optional): Folder of the images. Defaults to None: that of the file.
    """
    root = os.fspath(Path(path).parent if root is None else root)
    for number, info in enumerate(iterate_json_list(path, 'data_list')):
        if not isinstance(info, dict) or not isinstance(info.get('img_path'), str):
            yield Record(f'entry {number}', None, bytes, 'has no img_path')
            continue
        text = single_label(info)
        boxes = info['instances'][0].get('char_boxes') if text is not None else None
        yield _from_file(root, info['img_path'], text, boxes=boxes, mask=info.get('mask_path'))


def read_json_lines(path: os.PathLike, root: os.PathLike | None = None) -> Iterator[Record]:
    """Records of a file with ``{"filename": ..., "text": ...}`` in each line; see `read_json`."""
    root = os.fspath(Path(path).parent if root is None else root)
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
    root = os.fspath(Path(path).parent if root is None else root)
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
    """Records of a folder of images.

    Args:
        path (path): The folder, searched with its subfolders.
        labels (str): Where a label is: 'sidecar' (``a.txt`` beside ``a.jpg``), 'parent' (name of
            the image's folder), 'stem' (``word.jpg``, ``word_12.jpg``) or 'mjsynth'
            (``12_word_345.jpg``). Defaults to 'sidecar'.

    Raises:
        ValueError: If ``labels`` is another, or there is no image.
    """
    if labels not in FOLDER_LABELS:
        raise ValueError(f'labels must be one of {FOLDER_LABELS}, but is {labels!r}')
    root, found = os.fspath(path), 0
    for folder, folders, files in os.walk(root):
        folders.sort()
        for file in sorted(files):
            if not file.lower().endswith(_SUFFIXES):
                continue
            found += 1
            name = os.path.relpath(os.path.join(folder, file), root)
            text, problem = _folder_label(Path(folder, file), labels)
            yield _from_file(root, name, text, problem)
    if not found:
        raise ValueError(f'no image ({", ".join(_SUFFIXES)}) under {root!r}')


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


def read_lmdb(path: str) -> Iterator[Record]:
    """Records of an LMDB database, with masks and character boxes where it has them.

    Raises:
        FileNotFoundError: If there is no database.
        ValueError: If it is cut off or holds no words.
    """
    reader = LMDBReader(path)
    try:
        for i in range(1, reader.count() + 1):
            image, label, mask, boxes = reader.get(*(f'{kind}-{i:09d}' for kind in (
                'image', 'label', 'mask', 'boxes')))
            text, problem = None, 'is missing' if label is None else ''
            if label is not None:
                try:
                    text = label.decode('utf-8')
                    problem = _label_problem(text)
                except UnicodeDecodeError:
                    problem = 'has a label that is not UTF-8'
            if image is None:
                problem = 'is missing'
            yield Record(f'image-{i:09d}', text, lambda data=image: data, problem,
                         parse_boxes(boxes.decode()) if boxes else None,
                         (lambda data=mask: data) if mask else None)
    finally:
        reader.close()


def open_source(path: os.PathLike, kind: str = 'auto', root: os.PathLike | None = None,
                labels: str = 'sidecar') -> Iterator[Record]:
    """Records of a file, folder or database.

    Args:
        path (path): What to read.
        kind (str): 'json', 'jsonl', 'tsv', 'folder', 'lmdb' or 'auto'. Defaults to 'auto': by the
            suffix, and a folder with ``data.mdb`` is a database.
        root (path, optional): Folder of the images of a table. Defaults to None: the table's.
        labels (str): See :func:`read_folder`. Defaults to 'sidecar'.

    Returns:
        Iterator[Record]: The records.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If the kind cannot be told, or is another.
    """
    path = Path(path)
    kind = source_kind(path, kind)
    if kind == 'folder':
        return read_folder(path, labels)
    if kind == 'lmdb':
        return read_lmdb(str(path))
    return {'json': read_json, 'jsonl': read_json_lines, 'tsv': read_tsv}[kind](path, root)


def source_kind(path: os.PathLike, kind: str = 'auto') -> str:
    """Format of a file, folder or database, see :func:`open_source`.

    Raises:
        FileNotFoundError: If there is nothing.
        ValueError: If the kind cannot be told, or is another.
    """
    path, kinds = Path(path), ('json', 'jsonl', 'tsv', 'folder', 'lmdb')
    if not path.exists():
        raise FileNotFoundError(f'{str(path)!r} does not exist')
    if kind == 'auto' and path.is_dir():
        kind = 'lmdb' if (path / 'data.mdb').exists() else 'folder'
    elif kind == 'auto':
        kind = {'.txt': 'tsv', '.mdb': 'lmdb'}.get(path.suffix.lower(), path.suffix.lower()[1:])
    if kind not in kinds:
        raise ValueError(f'cannot tell the format of {str(path)!r}; give one of '
                         f'{", ".join(kinds)}')
    return kind


def image_problem(data: bytes | None) -> str:
    """What is wrong with an encoded image.

    Args:
        data (bytes, optional): Its bytes.

    Returns:
        str: '' if it can be decoded to the last row.
    """
    if not data:
        return 'has no bytes'
    # Before decoding: some decoders fill what is missing with grey. The end may be followed by
    # something else, and a preview near the beginning has an end of its own.
    end = {'.jpg': b'\xff\xd9', '.png': b'IEND'}.get(image_suffix(data), b'')
    if end not in data[len(data) // 2:]:
        return 'is cut off'
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        image = None
    if image is None:
        return 'is not an image'
    return '' if image.size else 'has no pixels'


class ContentSum:
    """Checksum of labels and images in their order: BLAKE2b, 128 bits."""

    def __init__(self) -> None:
        self._hash, self.count = hashlib.blake2b(digest_size=16), 0

    def add(self, text: str, image: bytes) -> None:
        """Add a word."""
        label = text.encode('utf-8')
        self._hash.update(b'%d %d ' % (len(label), len(image)))
        self._hash.update(label)
        self._hash.update(image)
        self.count += 1

    def hexdigest(self) -> str:
        """The sum so far, as 32 hexadecimal digits."""
        return self._hash.hexdigest()


@dataclass
class Conversion:
    """What was converted.

    Args:
        sum (ContentSum): Number and checksum of the words written.
        skipped (dict[str, int]): Reason to number of records left out.
    """
    sum: ContentSum = field(default_factory=ContentSum)
    skipped: dict[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The result as lines of text."""
        out = [f'{self.sum.count:,} words, checksum {self.sum.hexdigest()}']
        return out + [f'  left out: {count:,}, each of which {reason}'
                      for reason, count in sorted(self.skipped.items())]


class SkipList:
    """What was left out and why: a file ``name TAB reason`` that is there only if something was.

    Args:
        path (path): The file; one of an earlier run is removed.
    """

    def __init__(self, path: os.PathLike | str) -> None:
        self.path = Path(path)
        self.path.unlink(missing_ok=True)
        self._file = None

    def add(self, name: str, why: str) -> None:
        """List a record."""
        if self._file is None:
            self._file = open(self.path, 'w', encoding='utf-8', newline='\n')
        self._file.write(f'{name}\t{why}\n')

    def __enter__(self) -> SkipList:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            self._file.close()


def unwanted(text: str, alphanumeric: bool = False, min_length: int = 1) -> str:
    """Why a label is not among those wanted.

    Args:
        text (str): The label.
        alphanumeric (bool): Whether only labels of 0-9, A-Z and a-z are wanted. Defaults to False.
        min_length (int): Fewest characters wanted. Defaults to 1.

    Returns:
        str: The reason; '' if it is wanted.
    """
    if alphanumeric and not (text.isascii() and text.isalnum()):
        return 'has other characters than letters and digits'
    if len(text) < min_length:
        return f'is shorter than {min_length} characters'
    return ''


def convert(records: Iterable[Record], writer: WordWriter, skip_list: SkipList,
            check_images: bool = True, report: Callable[[int], Any] | None = None,
            choose: Callable[[str], str] | None = None) -> Conversion:
    """Write records, and leave out what is broken.

    Args:
        records (iterable[Record]): What to write.
        writer (WordWriter): Open writer; it is not closed.
        skip_list (SkipList): Takes each record left out.
        check_images (bool): Whether to decode the images. Defaults to True.
        report (callable, optional): Called with the number of records read, after each.
        choose (callable, optional): Tells of a label why it is not wanted, or ''. Defaults to
            None: all are.

    Returns:
        Conversion: What was written and left out.

    Raises:
        OSError: If it cannot be written.
    """
    done = Conversion()
    for number, record in enumerate(records, 1):
        data, problem = _load(record)
        if not problem and choose is not None:
            problem = choose(record.text)
        if not problem and check_images:
            problem = image_problem(data)
        if not problem:
            try:
                mask = record.load_mask() if record.load_mask is not None else None
            except OSError:
                problem = 'has a mask that cannot be read'
        if not problem:
            try:
                writer.add(data, record.text, mask, record.boxes)
                done.sum.add(record.text, data)
            except ValueError:
                problem = 'has a label with a tab or a line break'
        if problem:
            done.skipped[problem] = done.skipped.get(problem, 0) + 1
            skip_list.add(record.name, problem)
        if report is not None:
            report(number)
    return done


def _load(record: Record) -> tuple[bytes, str]:
    """Encoded image of a record, and what is wrong with it."""
    if record.problem:
        return b'', record.problem
    try:
        data = record.load()
    except FileNotFoundError:
        return b'', 'is missing'
    except OSError as error:
        return b'', f'cannot be read ({error.strerror or error})'
    return (data, '') if data else (b'', 'has no bytes')


def check_content(records: Iterable[Record], expected: ContentSum) -> None:
    """Read back what was written.

    Args:
        records (iterable[Record]): What is there now.
        expected (ContentSum): What was written.

    Raises:
        OSError: If it differs.
    """
    found = ContentSum()
    for record in records:
        data, problem = _load(record)
        if problem:
            raise OSError(f'what was written cannot be read back: {record.name} {problem}')
        found.add(record.text, data)
    if (found.count, found.hexdigest()) != (expected.count, expected.hexdigest()):
        raise OSError(f'what was written differs when it is read back: {found.count:,} words with '
                      f'the checksum {found.hexdigest()}, but {expected.count:,} with '
                      f'{expected.hexdigest()} were written')

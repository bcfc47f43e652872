"""Conversion of sets of words: what is broken is left out and listed, the result is read back."""
from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from ...images import UnusableImageError, decode_picture, image_suffix
from .records import FOLDER_LABELS, KINDS, Record
from .writers import WordWriter


def image_problem(data: bytes | None) -> str:
    """What is wrong with an encoded image; '' if it can be decoded to the last row."""
    if not data:
        return 'has no bytes'
    # Before decoding: some decoders fill what is missing with gray. The end may be followed by
    # something else, and a preview near the beginning has an end of its own.
    end = {'.jpg': b'\xff\xd9', '.png': b'IEND'}.get(image_suffix(data), b'')
    if end not in data[len(data) // 2:]:
        return 'is cut off'
    try:
        decode_picture(data)
    except UnusableImageError as error:
        return f'cannot be decoded: {error}' if image_suffix(data) else 'is not an image'
    return ''


class ContentSum:
    """Checksum of labels and images in their order: BLAKE2b, 128 bits."""

    def __init__(self) -> None:
        self._hash, self.count = hashlib.blake2b(digest_size=16), 0

    def add(self, text: str, image: bytes) -> None:
        label = text.encode('utf-8')
        self._hash.update(b'%d %d ' % (len(label), len(image)))
        self._hash.update(label)
        self._hash.update(image)
        self.count += 1

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


@dataclass
class Conversion:
    """What was written, and the reason and number of the records left out."""
    sum: ContentSum = field(default_factory=ContentSum)
    skipped: dict[str, int] = field(default_factory=dict)


def convert(records: Iterable[Record], writer: WordWriter, args: argparse.Namespace,
            total: int | None = None) -> Conversion:
    """Write records with an open writer, and leave out what is broken or not wanted.

    ``<out>.skipped.tsv`` lists what was left out, ``name TAB reason``, if there is something.
    ``args`` has ``out`` and the options of :func:`add_options`; ``total`` is for the progress.
    """
    done, lines = Conversion(), []
    Path(f'{args.out}.skipped.tsv').unlink(missing_ok=True)
    try:
        for record in tqdm(records, total=total, unit=' words', disable=None):
            problem = _write(record, writer, args, done.sum)
            if problem:
                done.skipped[problem] = done.skipped.get(problem, 0) + 1
                lines.append(f'{record.name}\t{problem}\n')
    finally:
        if lines:
            Path(f'{args.out}.skipped.tsv').write_bytes(
                ''.join(lines).encode('utf-8', 'backslashreplace'))
    return done


def _write(record: Record, writer: WordWriter, args: argparse.Namespace, sum_: ContentSum) -> str:
    data, problem = _load(record)
    if problem:
        return problem
    if args.alphanumeric and not (record.text.isascii() and record.text.isalnum()):
        return 'has other characters than letters and digits'
    if len(record.text) < args.min_length:
        return f'is shorter than {args.min_length} characters'
    if not args.no_decode and (problem := image_problem(data)):
        return problem
    try:
        mask = record.load_mask() if record.load_mask is not None else None
    except OSError:
        return 'has a mask that cannot be read'
    try:
        writer.add(data, record.text, mask, record.boxes)
    except ValueError:
        return 'has a label with a tab or a line break'
    sum_.add(record.text, data)
    return ''


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
    """Read back what was written; an OSError if it differs."""
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


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add how what is read is to be understood."""
    parser.add_argument('--format', default='auto', choices=('auto', *KINDS),
                        help='of what is read (default: told by its name)')
    parser.add_argument('--folder-labels', choices=FOLDER_LABELS, default='sidecar',
                        help='where the labels of a folder are: a text file beside each image '
                        '(default), the name of the folder of the image, or its own name')


def add_options(parser: argparse.ArgumentParser, result: str) -> None:
    """Add what may be left out, and what may be left unchecked of the ``result``."""
    add = parser.add_argument
    add('--alphanumeric', action='store_true',
        help='leave out words with other characters than letters and digits')
    add('--min-length', type=int, default=1, help='leave out shorter words (default %(default)s)')
    add('--no-decode', action='store_true', help="don't decode the images to find broken ones")
    add('--no-verify', action='store_true', help=f"don't read the {result} back")


def finish(args: argparse.Namespace, folder: Path, done: Conversion,
           read_back: Callable[[], Iterable[Record]]) -> None:
    """Compare what lies in a folder, not published yet, with what was written; add a summary."""
    if not done.sum.count:
        raise ValueError(f'no word of {args.source} can be used; see {args.out}.skipped.tsv')
    if not args.no_verify:
        check_content(read_back(), done.sum)
    summary = dict(samples=done.sum.count, left_out=done.skipped, checksum=done.sum.hexdigest())
    (folder / 'summary.json').write_text(json.dumps(summary, indent=1) + '\n')


def report(tool: str, run: Callable[[argparse.Namespace], Conversion],
           args: argparse.Namespace) -> int:
    """Run a conversion and tell how it went: 0, or 130 if interrupted."""
    try:
        done = run(args)
    except KeyboardInterrupt:
        print(f'{tool}: interrupted; nothing was left behind', file=sys.stderr)
        return 130
    print(f'wrote {args.out}: {done.sum.count:,} words, checksum {done.sum.hexdigest()}')
    for reason, count in sorted(done.skipped.items()):
        print(f'  left out: {count:,}, each of which {reason}')
    if done.skipped:
        print(f'  listed in {args.out}.skipped.tsv')
    return 0

"""Words of any form into an LMDB database of the field's layout, or into MMOCR's JSON.

    python tools/data/convert_words.py data/svt/textrecog_test.json data/evaluation/SVT
    python tools/data/convert_words.py data/evaluation/SVT data/svt/textrecog_test.json
    python tools/data/convert_words.py data/icdar2013/textrecog_test.json \\
        data/icdar2013/textrecog_test_1015.json --alphanumeric
    python tools/data/convert_words.py data/icdar2013/textrecog_test.json \\
        data/evaluation/IC13_857 --alphanumeric --min-length 3

Images are copied as they are, without decoding; beside a JSON file they
go into a folder of its name.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)
from mmocr_siga.datasets.errors import sample_name
from mmocr_siga.datasets.file_backend import NonEmptyBackend
from mmocr_siga.datasets.label_rule import single_label
from mmocr_siga.datasets.rendering.writers import LmdbWriter
from mmocr_siga.datasets.word_files import FORMS, words_config

from mmocr.registry import DATASETS  # isort: skip
from mmocr.utils import register_all_modules  # isort: skip

SUFFIXES = ((b'\x89PNG', '.png'), (b'\xff\xd8', '.jpg'), (b'BM', '.bmp'), (b'GIF8', '.gif'),
            (b'RIFF', '.webp'))


class JsonWriter:
    """Writes MMOCR's JSON, and the images into a folder of the file's name.

    Args:
        path (Path): The file to write.

    Raises:
        FileExistsError: If it is there already.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise FileExistsError(f'{str(path)!r} is there already; remove it or choose another')
        self.path, self.folder = path, path.with_suffix('')
        self.folder.mkdir(parents=True, exist_ok=True)
        self.words: list[dict] = []

    def add(self, image: bytes, text: str) -> None:
        """Store a word: its encoded image and its label."""
        suffix = next((s for magic, s in SUFFIXES if image.startswith(magic)), '.img')
        name = f'{len(self.words) + 1:09d}{suffix}'
        (self.folder / name).write_bytes(image)
        self.words.append(dict(img_path=f'{self.folder.name}/{name}',
                               instances=[dict(text=text)]))

    def close(self) -> None:
        """Write the file."""
        metainfo = dict(dataset_type='TextRecogDataset', task_name='textrecog')
        self.path.write_text(json.dumps(dict(metainfo=metainfo, data_list=self.words),
                                        ensure_ascii=False), encoding='utf-8')


def left_out(text: str | None, alphanumeric: bool, min_length: int) -> str | None:
    """Why a word is left out, None if it is not.

    Args:
        text (str, optional): Its label.
        alphanumeric (bool): Whether only labels of 0-9, A-Z and a-z are wanted.
        min_length (int): Fewest characters wanted.

    Returns:
        str or None: The reason.
    """
    if text is None:
        return 'have no label'
    if alphanumeric and not (text.isascii() and text.isalnum()):
        return 'hold other characters than letters and digits'
    if len(text) < min_length:
        return f'are shorter than {min_length} characters'
    return None


def words_of(source: str, counts: Counter, alphanumeric: bool,
             min_length: int) -> Iterator[tuple[bytes, str]]:
    """Encoded images and labels of the words wanted; the others are counted by their reason."""
    config = dict(words_config(source), test_mode=False, serialize_data=False)
    dataset = DATASETS.build(config)
    backend = NonEmptyBackend()
    for i in range(len(dataset)):
        info = dataset.get_data_info(i)
        text = single_label(info)
        reason = left_out(text, alphanumeric, min_length)
        if reason is None:
            yield backend.get(sample_name(info)), text
        else:
            counts[reason] += 1


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('source', help=f'what to read: {FORMS}')
    add('target', type=Path, help='a .json file, or the folder of an LMDB database')
    add('--alphanumeric', action='store_true',
        help='leave out words with other characters than 0-9, A-Z, a-z')
    add('--min-length', type=int, default=0, help='leave out shorter words')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool.

    Returns:
        int: 0, or 2 after a clear message about what was wrong.
    """
    args = parse_args(argv)
    register_all_modules(init_default_scope=True)
    counts: Counter = Counter()
    written = 0
    try:
        words = words_of(args.source, counts, args.alphanumeric, args.min_length)
        first = next(words, None)
        if first is None:
            raise ValueError(f'no word of {args.source} is left; left out: '
                             f'{dict(counts) or "none, it is empty"}')
        writer = JsonWriter(args.target) if args.target.suffix == '.json' else LmdbWriter(
            args.target)
        writer.add(*first)
        written = 1
        for image, text in words:
            writer.add(image, text)
            written += 1
        writer.close()
    except (ValueError, OSError, ImportError) as error:
        print(f'convert_words: {error}', file=sys.stderr)
        return 2
    print(f'{args.target}: {written:,} words')
    for reason, count in counts.items():
        print(f'{count:,} left out, which {reason}')
    return 0


if __name__ == '__main__':
    sys.exit(main())

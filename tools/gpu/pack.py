"""Pack what a training on a machine without network needs, below a limit: run here, unpack there.

    SIGA_DATA=data python tools/gpu/pack.py work_dirs/gpu_pack --limit 14 \
        --lexicon words.txt --backgrounds photographs

Writes `pack.tar.gz`: the real words of $SIGA_DATA/real (docs/guides/data.md) as WebP, made smaller
as far as the limit asks for; the word list, photographs and installed faces to draw words with;
and PP-OCRv6's recognizer cut to our characters, which teaches (configs/siga_lcnet_v4.py), where
rapidocr is installed. The real words are under licences of their own: keep the folder out of any
repository.
"""
from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import torch

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

from mmengine.registry import init_default_scope  # isort: skip
from mmocr.registry import MODELS  # isort: skip

from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config
from mmocr_siga.compat.saving import whole_file
from mmocr_siga.images import UnusableImageError, decode_picture
from mmocr_siga.images.files import read_file
from mmocr_siga.rendering.fonts import bundled_font_dir, find_font_files

ROOT = Path(__file__).resolve().parents[2]
# Height in pixels and quality of words to train on, the first that fit; and of words to test.
SIZES = ((64, 90), (64, 80), (48, 90), (48, 80), (48, 65), (48, 50), (40, 60))
TESTED = (64, 80)
BACKGROUND_SIDE, FONTS_MIB, LARGEST_FONT = 256, 1, 100_000
SAMPLE = 500
ENTRY = 60  # bytes of a file in the archive beside its content, about


class Word(NamedTuple):
    """A picture of a set, and the lines of its table that name it."""
    folder: str
    split: str
    path: Path
    label: str


def find_words(root: Path, limit: int | None) -> Iterator[Word]:
    """The words of all sets with tables, or the first ``limit`` of each table."""
    for table in sorted((root / 'real').glob('*/*.tsv')):
        if table.stem in ('train', 'val'):
            lines = [line for line in table.read_text('utf-8').splitlines() if line.strip()]
            for line in lines[:limit]:
                name, _, label = line.partition('\t')
                yield Word(table.parent.name, table.stem, table.parent / name, label)


def smaller(path: Path, height: int, quality: int) -> bytes:
    """A picture as WebP, at most so many pixels high."""
    image = decode_picture(read_file(path))
    if image.shape[0] > height:
        width = max(1, round(image.shape[1] * height / image.shape[0]))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.imencode('.webp', image, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()


def fitting_size(words: Sequence[Word], limit: int) -> tuple[int, int]:
    """The first of ``SIZES`` in which the words will take at most ``limit`` bytes, by a sample."""
    sample = random.Random(0).sample(words, min(SAMPLE, len(words)))
    for size in SIZES:
        spent = []
        for word in sample:
            with contextlib.suppress(OSError, UnusableImageError):  # told when it is added
                spent.append(len(smaller(word.path, *size)) + ENTRY)
        if sum(spent) / max(1, len(spent)) * len(words) <= limit:
            return size
    raise ValueError(f'{len(words):,} words do not fit into {limit / 2 ** 20:.0f} MiB even at '
                     f'{SIZES[-1][0]} pixels: raise --limit, or take --words N of each set')


class Pack:
    """The archive, and what is in it."""

    def __init__(self, file: io.BufferedWriter) -> None:
        # Compressed for the sake of its headers.
        self.tar = tarfile.open(fileobj=file, mode='w:gz', compresslevel=6)
        self.file = file

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self.file.tell()

    def add(self, name: str, content: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(content)
        self.tar.addfile(info, io.BytesIO(content))


def add_words(pack: Pack, words: Sequence[Word], size: tuple[int, int]) -> int:
    """Add pictures and tables; the number of pictures left out, each of which is named."""
    tables: dict[str, list[str]] = {}
    left_out = 0
    for word in words:
        name = f'images/{word.split}_{word.path.name}.webp'
        try:
            content = smaller(word.path, *size)
        except (OSError, UnusableImageError) as error:
            print(f'left out: {word.path}: {error}', file=sys.stderr)
            left_out += 1
            continue
        pack.add(f'real/{word.folder}/{name}', content)
        tables.setdefault(f'real/{word.folder}/{word.split}.tsv', []).append(
            f'{name}\t{word.label}\n')
    for name, lines in tables.items():
        pack.add(name, ''.join(lines).encode())
    return left_out


def add_backgrounds(pack: Pack, folder: Path) -> None:
    for path in sorted(p for p in folder.rglob('*') if p.suffix.lower() in ('.jpg', '.png')):
        image = decode_picture(read_file(path))
        scale = BACKGROUND_SIDE / max(image.shape[:2])
        image = cv2.resize(image, None, fx=min(1., scale), fy=min(1., scale),
                           interpolation=cv2.INTER_AREA)
        content = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 65])[1].tobytes()
        pack.add(f'backgrounds/{path.stem}.jpg', content)


def add_fonts(pack: Pack) -> int:
    """Add installed faces in an order drawn by chance, as far as they fit; how many. Those that
    matplotlib brings along are there, too."""
    files = [Path(file) for file in find_font_files()]
    files = [path for path in files if path.stat().st_size <= LARGEST_FONT
             and bundled_font_dir() not in path.parents]
    random.Random(0).shuffle(files)
    left, count = FONTS_MIB * 2 ** 20, 0
    for number, path in enumerate(files):
        if path.stat().st_size <= left:
            left -= path.stat().st_size
            pack.add(f'fonts/{number:03d}/{path.name}', path.read_bytes())
            count += 1
    return count


def add_teacher(pack: Pack) -> bool:
    """Add the weights of PP-OCRv6 as siga_lcnet_v4 distills from them, in half precision."""
    init_default_scope('mmocr')
    cfg = read_config(str(ROOT / 'configs/siga_lcnet_v4.py'))
    model = MODELS.build(cfg.model.plugins.keep.teacher)
    try:
        model.init_weights()
    except ImportError as error:
        print(f'without a teacher, the packaged reader will be its own: {error}', file=sys.stderr)
        return False
    content = io.BytesIO()
    torch.save(dict(state_dict={name: value.half() if value.is_floating_point() else value
                                for name, value in model.state_dict().items()}), content)
    pack.add('teacher.pth', content.getvalue())
    return True


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('out', type=Path, help='folder of pack.tar.gz; git must ignore it')
    add('--data', type=Path, help='folder that holds real/ (default: $SIGA_DATA, or data)')
    add('--limit', type=positive, default=60, help='MiB of the whole (default %(default)s)')
    add('--words', type=positive, help='first N words of each table alone')
    add('--lexicon', type=Path, required=True, help='word list, one a line')
    add('--backgrounds', type=Path, required=True, help='folder of photographs')
    args = parser.parse_args(argv)
    data = args.data or Path(os.environ.get('SIGA_DATA', 'data'))
    words = list(find_words(data, args.words))
    if not any(word.split == 'train' for word in words):
        parser.error(f'no words to train on at {data / "real"}: set SIGA_DATA, see '
                     'docs/guides/data.md')
    args.out.mkdir(parents=True, exist_ok=True)
    with whole_file(args.out / 'pack.tar.gz', 'wb') as file:
        pack = Pack(file)
        pack.add('lexicon.txt', args.lexicon.read_bytes())
        add_backgrounds(pack, args.backgrounds)
        faces, taught = add_fonts(pack), add_teacher(pack)
        tested = [word for word in words if word.split == 'val']
        left_out = add_words(pack, tested, TESTED)
        train = [word for word in words if word.split == 'train']
        size = fitting_size(train, args.limit * 2 ** 20 - pack.size)
        left_out += add_words(pack, train, size)
        pack.tar.close()
    found = (args.out / 'pack.tar.gz').stat().st_size / 2 ** 20
    print(f'{args.out / "pack.tar.gz"}: {found:.1f} MiB; {len(words) - left_out:,} words, those to '
          f'train on at most {size[0]} pixels high, quality {size[1]}; {left_out} left out; '
          f'{faces} faces; {"with" if taught else "without"} PP-OCRv6')
    if found > args.limit:
        print(f'pack: this is more than {args.limit} MiB', file=sys.stderr)
    return int(found > args.limit)


if __name__ == '__main__':
    run_tool(main)

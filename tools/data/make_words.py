"""Make labelled word crops from the installed fonts.

    python tools/data/make_words.py data/words --count 10000
    python tools/data/make_words.py data/words --count 200000 --lexicon words.txt --lmdb

Writes images/, train.tsv and val.tsv (`images/name TAB text`), or one LMDB file a split. The words
depend on the seed, the options and the installed fonts, not on the number of workers.
"""
from __future__ import annotations

import argparse
import functools
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

import cv2

from mmocr_siga.datasets.rendering import (
    PRESETS,
    FolderWriter,
    FontLibrary,
    LmdbWriter,
    RenderStyle,
    WordRenderer,
    WordSource,
    find_photographs,
    read_lexicon,
    resolve_charset,
)
from mmocr_siga.datasets.rendering.writers import encode

Item = tuple[bytes, str, Optional[bytes]]
_RENDERER: WordRenderer | None = None


def parse_split(text: str) -> dict[str, float]:
    """Read 'train=0.9,val=0.1'.

    Raises:
        ValueError: If a part is malformed, a name repeats or the fractions don't add up to 1.
    """
    split: dict[str, float] = {}
    for part in text.split(','):
        name, _, value = part.partition('=')
        try:
            fraction = float(value)
        except ValueError:
            raise ValueError(f'--split: {part!r} is not NAME=FRACTION') from None
        if not name.isidentifier() or name in split or not 0 < fraction <= 1:
            raise ValueError(f'--split: {part!r} needs a new plain name and a fraction in (0, 1]')
        split[name] = fraction
    if abs(sum(split.values()) - 1) > 1e-6:
        raise ValueError(f'--split: the fractions of {text!r} add up to {sum(split.values()):g}, '
                         'not 1')
    return split


def split_sizes(count: int, split: dict[str, float]) -> dict[str, int]:
    """Share a count out: each split rounded, the first one gets the rest."""
    sizes = {name: int(round(count * part)) for name, part in split.items()}
    first = next(iter(sizes))
    sizes[first] += count - sum(sizes.values())
    return sizes


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('out', type=Path, help='folder to write to')
    add('--count', type=int, default=1000, help='number of words (default %(default)s)')
    add('--lexicon', type=Path, help='word list, one a line (default: a built-in one)')
    add('--charset', default='ascii94',
        help="digits, lower36, alnum62, ascii94 (default), a file, or the characters themselves")
    add('--random-strings', type=float, default=0.25, metavar='FRACTION',
        help='fraction of random and number-like strings (default %(default)s)')
    add('--max-length', type=int, default=25, help='longest word (default %(default)s)')
    add('--backgrounds', type=Path, help='folder of photographs (default: made-up backgrounds)')
    add('--fonts', type=Path, nargs='+', help='font folders or files (default: installed fonts)')
    add('--difficulty', choices=sorted(PRESETS), default='hard', help='default: %(default)s')
    add('--split', default='train=0.9,val=0.1', help='default: %(default)s')
    add('--seed', type=int, default=0, help='default: %(default)s')
    add('--workers', type=int, default=1, help='processes (default %(default)s)')
    add('--format', choices=('jpg', 'png'), default='jpg', help='default: %(default)s')
    add('--masks', action='store_true', help='store exact glyph masks too')
    add('--lmdb', action='store_true', help='write one LMDB file a split instead of many files')
    args = parser.parse_args(argv)
    for name in ('count', 'workers', 'max_length'):
        if getattr(args, name) < 1:
            parser.error(f'--{name.replace("_", "-")} must be at least 1')
    if args.seed < 0:
        parser.error('--seed must not be negative')
    return args


def build_renderer(args: argparse.Namespace) -> WordRenderer:
    """Find fonts, words and backgrounds."""
    charset = resolve_charset(args.charset)
    words = read_lexicon(args.lexicon, charset, args.max_length) if args.lexicon else None
    source = WordSource(charset, words, args.random_strings, max_length=args.max_length)
    photographs = find_photographs(args.backgrounds) if args.backgrounds else []
    style = RenderStyle.preset(args.difficulty)
    fonts = FontLibrary.discover(charset, args.fonts, min_legibility=style.legibility)
    print(f'{len(fonts)} faces, {len(charset)} characters, '
          f'{len(words) if words else "built-in"} words, {len(photographs)} photographs')
    return WordRenderer(fonts, source, style, photographs, args.seed)


def _start(renderer: WordRenderer) -> None:
    global _RENDERER
    _RENDERER = renderer
    cv2.setNumThreads(1)


def _make(index: int, suffix: str, masks: bool) -> Item:
    word = _RENDERER(index)
    return (encode(word.image, suffix), word.text,
            encode(word.glyphs, '.png') if masks else None)


def produce(renderer: WordRenderer, count: int, workers: int, suffix: str,
            masks: bool) -> Iterator[Item]:
    """Render and encode words 0 to ``count - 1``, in order."""
    make = functools.partial(_make, suffix=suffix, masks=masks)
    if workers == 1:
        _start(renderer)
        yield from map(make, range(count))
        return
    with multiprocessing.Pool(workers, _start, (renderer,)) as pool:
        yield from pool.imap(make, range(count), chunksize=32)


def write(args: argparse.Namespace, renderer: WordRenderer, sizes: dict[str, int]) -> None:
    """Write all splits and report progress."""
    items = produce(renderer, args.count, args.workers, '.' + args.format, args.masks)
    done, start, shown = 0, time.monotonic(), 0.0
    for name, size in sizes.items():
        writer = (LmdbWriter(args.out / name) if args.lmdb
                  else FolderWriter(args.out, name, '.' + args.format))
        with writer:
            for _ in range(size):
                writer.add(*next(items))
                done += 1
                now = time.monotonic() - start
                if now - shown > 2 or done == args.count:
                    shown = now
                    print(f'\r{done}/{args.count} words, {done / max(now, 1e-9):.0f}/s ',
                          end='\n' if done == args.count else '', flush=True)
    items.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool.

    Returns:
        int: 0, or 2 after a clear message about what was wrong.
    """
    args = parse_args(argv)
    try:
        sizes = split_sizes(args.count, parse_split(args.split))
        renderer = build_renderer(args)
        write(args, renderer, sizes)
    except (ValueError, OSError, ImportError) as error:
        print(f'make_words: {error}', file=sys.stderr)
        return 2
    kind = 'LMDB' if args.lmdb else 'tsv'
    parts: list[str] = [f'{name} {size}' for name, size in sizes.items()]
    print(f'wrote {", ".join(parts)} ({kind}) to {args.out}')
    return 0


if __name__ == '__main__':
    sys.exit(main())

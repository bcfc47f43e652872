"""Make labelled word images from the installed fonts, at any scale.

    python tools/data/synthesize.py data/words
    python tools/data/synthesize.py data/words --count 200000 --format lmdb --lexicon words.txt \\
        --backgrounds photographs --masks --boxes
    python tools/data/synthesize.py data/serials --preset serial_numbers --sheet serials.png
    python tools/data/synthesize.py data/pairs --pairs 2000

Writes MMOCR's JSON, tab-separated tables or LMDB, one set a split; or, with --pairs, what text
editors are trained on: two words in one style and their background, in MOSTEL's folders. The words
depend on the seed, the options and the installed fonts, not on the number of processes. A run that
was stopped goes on where it was when it is started again with the same options; OUT appears when
all is there.
"""
from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.datasets.formats.writers import (
    FolderWriter,
    LmdbWriter,
    PairWriter,
    WordWriter,
    partial,
    publish,
    refuse_existing,
)
from mmocr_siga.images import encode_picture
from mmocr_siga.rendering import PRESETS, RECIPES, WordRenderer, build_renderer
from mmocr_siga.rendering.parts import PARTS
from mmocr_siga.text.charsets import find_charset
from mmocr_siga.visualization import SheetWord, draw_word_sheet

# That this process may use.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
_CHUNK = 32
_SUMMARY = 'summary.json'
_JOB: Job | None = None


class Job(NamedTuple):
    """What a process needs to make words."""
    renderer: WordRenderer
    suffix: str
    quality: int
    masks: bool
    boxes: bool
    pairs: bool = False

    def make(self, index: int) -> tuple:
        """Render and encode a word or a pair: what the writer's ``add`` takes."""
        if self.pairs:
            group = self.renderer.render_group((self.renderer.seed, index), 2)
            masks = [np.uint8(255) * (glyphs > 0) for glyphs in group.glyphs]
            pictures = [*group.images, group.background, *masks]
            return [encode_picture(picture, '.png') for picture in pictures], group.texts
        word = self.renderer(index)
        return (encode_picture(word.image, self.suffix, self.quality), word.text,
                encode_picture(word.glyphs, '.png') if self.masks else None,
                word.boxes if self.boxes else None)


def parse_split(text: str) -> dict[str, float]:
    """Read 'train=0.9,val=0.1'."""
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
    total = sum(split.values())
    if abs(total - 1) > 1e-6:
        raise ValueError(f'--split: the fractions of {text!r} add up to {total:g}, not 1')
    return split


def split_sizes(count: int, split: dict[str, float]) -> dict[str, int]:
    """Share a count out: each split rounded, the first one gets the rest."""
    sizes = {name: int(round(count * part)) for name, part in split.items()}
    first = next(iter(sizes))
    sizes[first] += count - sum(sizes.values())
    return sizes


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('out', type=Path, help='folder to write to; it must not exist, or be empty')
    add('--count', type=positive, default=10_000, help='number of words (default %(default)s)')
    add('--pairs', type=positive, metavar='N',
        help='instead of words N pairs in one style with their background, as PNG in the folders '
             'i_s, t_f, t_b, mask_s, mask_t, txt, and i_s.txt and i_t.txt')
    add('--preset', choices=sorted(RECIPES),
        help='mj_st_like, words of scenes (default), random characters, serial numbers, plates, '
             'long codes, formulas; of pairs style_pairs, print (default), or style_pairs_scene')
    add('--difficulty', choices=sorted(PRESETS), help='look of another difficulty than the preset')
    add('--lexicon', type=Path, help='word list, one a line (default: a built-in one)')
    add('--random-strings', type=float, metavar='FRACTION',
        help='fraction of random and number-like strings among words (default 0.1)')
    add('--punctuation', type=float, metavar='FRACTION',
        help='fraction of the words with marks, as "word", word! or word\'s (default 0.1)')
    add('--charset', '--dictionary', dest='charset',
        help="digits, lower36, alnum62, ascii94, a dictionary file, the name of a packaged one, "
             "or the characters themselves (default: the preset's)")
    add('--max-length', type=positive, help='longest word (default 25, of long presets 100)')
    add('--min-length', type=positive,
        help='shortest text of random characters, codes and formulas (default 1, or 30)')
    add('--backgrounds', type=Path, help='folder of photographs (default: made-up backgrounds)')
    add('--fonts', type=Path, nargs='+', help='font folders or files (default: installed fonts)')
    add('--part', choices=PARTS, help='draw by the faces and words of training alone, or by those '
        'that are held out from it (default: by all)')
    add('--split', default='train=0.9,val=0.1', help='default: %(default)s')
    add('--seed', type=int, default=0, help='default: %(default)s')
    add('--workers', type=positive, default=CORES,
        help='processes (default: one a core, %(default)s here)')
    add('--format', choices=('json', 'tsv', 'lmdb'), default='json',
        help="MMOCR's JSON (default), tab-separated tables, or one LMDB database a split")
    add('--image', choices=('jpg', 'png'), default='jpg', help='default: %(default)s')
    add('--quality', type=int, default=92, choices=range(1, 101), metavar='1-100',
        help='of JPEG (default %(default)s)')
    add('--masks', action='store_true', help='store exact glyph masks too')
    add('--boxes', action='store_true', help='store character boxes too')
    add('--sheet', type=Path, metavar='FILE.png', help='draw the first words on one picture too')
    add('--overwrite', action='store_true',
        help='remove a set that this tool made at OUT, finished or not')
    args = parser.parse_args(argv)
    if args.seed < 0:
        parser.error('--seed must not be negative')
    if args.pairs:
        if args.masks or args.boxes or args.format != 'json' or args.image != 'jpg':
            parser.error('--pairs has a layout of its own, without --format, --image, --masks and '
                         '--boxes')
        args.count, args.format, args.split = args.pairs, 'pairs', 'pairs=1'
    args.preset = args.preset or ('style_pairs' if args.pairs else 'mj_st_like')
    return args


def build_job(args: argparse.Namespace) -> Job:
    """Find fonts, words and backgrounds, and say what was found."""
    charset = args.charset
    if args.pairs:  # the tables of pairs are divided by blanks
        charset = ''.join(find_charset(charset or RECIPES[args.preset].charset).split())
    renderer, left_out = build_renderer(
        args.preset, args.difficulty, charset, args.lexicon, args.random_strings,
        args.max_length, args.fonts, args.backgrounds, args.seed, args.punctuation,
        args.min_length, args.part)
    if left_out:
        print(f'left out {len(left_out)} backgrounds that are no pictures, e.g. '
              f'{", ".join(left_out[:3])}')
    print(f'{len(renderer.fonts)} faces, {len(renderer.words.charset)} characters, '
          f'{len(renderer.photographs)} photographs')
    return Job(renderer, '.' + args.image, args.quality, args.masks, args.boxes, bool(args.pairs))


def description(args: argparse.Namespace, job: Job) -> dict:
    """What the words depend on: kept beside them, and compared when a run goes on."""
    def digest(content: str | bytes) -> str:
        data = content.encode() if isinstance(content, str) else content
        return hashlib.sha256(data).hexdigest()[:16]

    options = ('count', 'preset', 'difficulty', 'random_strings', 'punctuation', 'split', 'seed',
               'format', 'image', 'quality', 'masks', 'boxes')
    faces = [f'{f.path} {sorted(f.characters)} {f.cap_ratio} {f.unicase}'
             for f in job.renderer.fonts.faces]
    return dict(
        {name: getattr(args, name) for name in options},
        max_length=job.renderer.words.max_length, min_length=job.renderer.words.min_length,
        characters=job.renderer.words.charset, faces=digest('\n'.join(faces)),
        lexicon=digest(args.lexicon.read_bytes()) if args.lexicon else '',
        photographs=digest('\n'.join(job.renderer.photographs)))


def _start(job: Job, parent: int) -> None:
    """Begin a worker process."""
    global _JOB
    _JOB = job
    cv2.setNumThreads(1)
    # The main process stops the workers, also where it is killed and cannot.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, args=(parent, ), daemon=True).start()


def _follow(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _make_chunk(start: int, stop: int) -> list[tuple]:
    return [_JOB.make(index) for index in range(start, stop)]


def produce(job: Job, start: int, stop: int, workers: int) -> Iterator[tuple]:
    """Make words ``start`` to ``stop - 1``, in order."""
    # OpenCV's threads do not survive a fork, and a worker would wait for them for ever.
    cv2.setNumThreads(1)
    if workers == 1:
        yield from map(job.make, range(start, stop))
        return
    # Forked, workers need not import everything again.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context('fork' if 'fork' in methods else 'spawn')
    bounds = ((i, min(i + _CHUNK, stop)) for i in range(start, stop, _CHUNK))
    pool = ProcessPoolExecutor(workers, context, _start, (job, os.getpid()))
    try:
        waiting: deque[Future] = deque(
            pool.submit(_make_chunk, *b) for b in itertools.islice(bounds, 4 * workers))
        while waiting:
            yield from waiting.popleft().result()
            waiting.extend(pool.submit(_make_chunk, *b) for b in itertools.islice(bounds, 1))
    except BrokenProcessPool as error:
        raise OSError('a worker process was killed, perhaps for want of memory: use fewer '
                      f'--workers ({error})') from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def open_writer(args: argparse.Namespace, folder: Path, name: str) -> WordWriter:
    """Writer of a split, which goes on with what is there."""
    if args.format == 'lmdb':
        return LmdbWriter(folder / name, resume=True)
    if args.format == 'pairs':
        return PairWriter(folder, resume=True)
    return FolderWriter(folder, name, '.' + args.image, args.format, resume=True)


def words_written(args: argparse.Namespace, name: str) -> int:
    """Words of a split that an earlier run has left."""
    writer = open_writer(args, partial(args.out), name)
    writer.abort()
    return writer.count


def prepare(args: argparse.Namespace, wanted: dict) -> bool:
    """Get the place ready, or refuse it; tell whether the set is there already."""
    folder = partial(args.out)
    for old in (args.out, folder) if args.overwrite else ():
        if _read_summary(old) is not None:  # nothing but what this tool has made
            shutil.rmtree(old)
    if _read_summary(args.out) == wanted:
        return True
    refuse_existing(args.out, 'a finished set, or other files,' if args.out.is_dir() else '')
    if folder.exists() and _read_summary(folder) != wanted:
        raise FileExistsError(f'{str(folder)!r} holds an unfinished set made with other options or '
                              'fonts; use the same ones, or --overwrite, or remove it')
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _SUMMARY).write_text(json.dumps(wanted, indent=1, ensure_ascii=False) + '\n',
                                   encoding='utf-8')
    return False


def _read_summary(folder: Path) -> dict | None:
    try:
        return json.loads((folder / _SUMMARY).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None


def write(args: argparse.Namespace, job: Job, sizes: dict[str, int]) -> float:
    """Write all splits, or what is missing of them; return words in a second."""
    folder, ends = partial(args.out), itertools.accumulate(sizes.values())
    final = {'lmdb': '{}/data.mdb', 'json': 'textrecog_{}.json', 'tsv': '{}.tsv',
             'pairs': PairWriter.table}[args.format]
    todo = [(name, end - sizes[name], end) for name, end in zip(sizes, ends)
            if not (folder / final.format(name)).exists()]
    if not todo:
        publish(folder, args.out)
        return 0.0
    # Only the first of them can have words already; the others follow in order.
    begin = todo[0][1] + words_written(args, todo[0][0])
    if begin:
        print(f'going on after {begin:,} words')
    started = time.monotonic()
    # Closed at once if something fails, which ends the processes.
    with contextlib.closing(produce(job, begin, args.count, args.workers)) as items, \
            tqdm(total=args.count, initial=begin, unit=' words', disable=None) as bar:
        for name, start, end in todo:
            with open_writer(args, folder, name) as writer:
                for done in range(start + writer.count, end):
                    writer.add(*next(items))
                    bar.update()
                    if done % 200 == 0:
                        writer.flush()
    publish(folder, args.out)
    return (args.count - begin) / max(time.monotonic() - started, 1e-9)


def draw_sheet(args: argparse.Namespace, job: Job) -> None:
    """Draw the first words, or pairs and their backgrounds, on one picture."""
    if args.pairs:
        groups = (job.renderer.render_group((args.seed, k), 2) for k in range(min(args.count, 48)))
        words = [SheetWord(image, text) for group in groups for image, text in zip(
            [*group.images, group.background], [*group.texts, ''])]
    else:
        words = [SheetWord(word.image, word.text)
                 for word in map(job.renderer, range(min(args.count, 96)))]
    sheet = draw_word_sheet(words, columns=6 if args.pairs else 8)
    args.sheet.parent.mkdir(parents=True, exist_ok=True)
    args.sheet.write_bytes(encode_picture(sheet, '.png'))
    print(f'drew {args.sheet}')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool: 0, or 130 when interrupted."""
    args = parse_args(argv)
    try:
        sizes = split_sizes(args.count, parse_split(args.split))
        job = build_job(args)
        if args.sheet is not None:
            draw_sheet(args, job)
        if prepare(args, description(args, job)):
            print(f'{args.out} holds this set already')
            return 0
        rate = write(args, job, sizes)
    except KeyboardInterrupt:
        print(f'\nsynthesize: stopped; the same command goes on with {partial(args.out)}',
              file=sys.stderr)
        return 130
    parts = ', '.join(f'{name} {size:,}' for name, size in sizes.items())
    print(f'wrote {parts} ({args.format}) to {args.out}, {rate:,.0f} '
          f'{"pairs" if args.pairs else "images"}/s with {args.workers} processes')
    return 0


if __name__ == '__main__':
    run_tool(main)

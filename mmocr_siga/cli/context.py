"""Keep labelled words of your own that a reader looks characters up in.

    python -m mmocr_siga context add my_words.npz my_words/
    python -m mmocr_siga context check my_words.npz
    python -m mmocr_siga read photos/ --context my_words.npz

`add` makes the pool, or adds to it, from a table (.tsv: path<TAB>label), a folder with labels.tsv,
train.tsv or a text file beside each picture, .json, .jsonl or LMDB. `list` prints number and label
of each word; `remove` takes such numbers. `check` reads the pool's own pictures, each without and
then with the other words as context: does this pool help?
"""
from __future__ import annotations

import argparse
import os
from typing import TextIO

from . import CommandError, write_line
from .common import add_model_arguments, one_line, problem, whole_number, word_reader

HELP = 'keep labelled words that a reader looks characters up in'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title='actions', metavar='ACTION', required=True)
    for name, run_action, text in (
            ('add', _add, 'add labelled words to a pool; it is made if there is none'),
            ('list', _list, 'print number and label of each word'),
            ('check', _check, 'read the words of a pool without and with the others as context'),
            ('remove', _remove, 'remove words by their numbers')):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument('pool', metavar='POOL.npz')
        if name == 'add':
            action.add_argument('words', nargs='+', metavar='WORDS', help='a table or folder')
        if name == 'remove':
            action.add_argument('numbers', nargs='+', type=whole_number, metavar='NUMBER')
        if name in ('add', 'check'):
            add_model_arguments(action)
        action.set_defaults(action=run_action)


def run(args: argparse.Namespace, out: TextIO) -> int:
    try:
        return args.action(args, out)
    except (ImportError, OSError, ValueError, IndexError) as error:
        raise CommandError(str(error)) from error


def _add(args: argparse.Namespace, out: TextIO) -> int:
    from ..inference.context import add_words, spelled_by
    from ..inference.context_pool import ContextPool
    if not args.pool.endswith('.npz'):
        raise CommandError(f'{args.pool}: the name of a pool ends with .npz')
    pool = ContextPool.load(args.pool) if os.path.exists(args.pool) else ContextPool()
    rule = spelled_by(word_reader(args, 'a context'))
    before, failed = len(pool), 0
    for source in args.words:
        for name, reason in add_words(pool, source, rule):
            if reason:
                failed += 1
                problem(name, reason)
    if len(pool) > before:
        word_reader(args, 'a context', context=pool)  # which makes its features
        pool.save(args.pool)
    write_line(out, f'{args.pool}: {len(pool) - before:,} words added, {len(pool):,} in all')
    return 1 if failed else 0


def _list(args: argparse.Namespace, out: TextIO) -> int:
    from ..inference.context_pool import ContextPool
    for number, text in enumerate(ContextPool.load(args.pool).texts):
        write_line(out, f'{number}\t{one_line(text)}')
    return 0


def _remove(args: argparse.Namespace, out: TextIO) -> int:
    from ..inference.context_pool import ContextPool
    pool = ContextPool.load(args.pool)
    removed = pool.remove(args.numbers)
    pool.save(args.pool)
    for text in removed:
        write_line(out, f'removed {one_line(text)}')
    return 0


def _check(args: argparse.Namespace, out: TextIO) -> int:
    from ..inference.context import spelled_by
    from ..inference.context_pool import ContextPool
    pool = ContextPool.load(args.pool)
    if not len(pool):
        raise CommandError(f'{args.pool} holds no words')
    plain = word_reader(args, 'a context')
    reader = word_reader(args, 'a context', context=pool)
    rule = spelled_by(plain)
    labels = [rule(text)[0] for text in pool.texts]
    pictures = list(pool.images)  # of which each is known again, so that it never serves itself
    for name, read in (('without context', plain), ('with the others as context', reader)):
        results = read(pictures, return_char_boxes=False, progress=False)
        right = sum(result.text == label for result, label in zip(results, labels))
        write_line(out, f'{right} of {len(pool)} words right {name}')
    return 0

"""What the package stands: hostile pictures, damaged data, kills, evil checkpoints, page attacks.

    python tools/robustness.py
    python tools/robustness.py pictures --count 10000 --seed 0
    python tools/robustness.py datasets --first 123 --count 1
    python tools/robustness.py kills doors page memory

Each part prints one line of figures, and on the standard error each fault with the number by which
--first N --count 1 repeats it; one fault makes the exit code 1. Without names, all parts run,
each in a process of its own, for hours. docs/reports/robustness.md holds what they found;
tests/robustness/ has what the parts are made of, and runs them in a short form.
"""
from __future__ import annotations

import argparse
import faulthandler
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain, islice, product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for `tests`, of which there are others

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from tqdm import tqdm  # noqa: E402

import mmocr_siga  # noqa: E402, F401  (first: it repairs what MMOCR's imports need)

BATCH = 16  # pictures that are read together
HANG = 5.0  # seconds that none may take
STUCK = 100  # seconds after which a process that does not go on is ended
MOST_MEMORY, MOST_GROWTH = 1024.0, 64.0  # MiB above the model; from the first third to the end


# A line of figures, and what is wrong from which number on.
Found = tuple[str, list[tuple[int, str]]]


def numbered(items: Iterable, first: int, count: int | None, bar: str) -> Iterator[tuple[int, Any]]:
    """Items from a number on, with a bar on the standard error that names the one in work."""
    end = None if count is None else first + count
    with tqdm(total=count, desc=bar) as progress:
        for number, item in enumerate(islice(items, first, end), first):
            progress.set_postfix_str(f'number {number}')
            yield number, item
            progress.update()


def mebibytes(kind: str, process: int | str = 'self') -> float:
    """Memory of a process: VmRSS is what it has, VmHWM the most it had."""
    status = Path(f'/proc/{process}/status').read_text()
    return int(status.split(f'{kind}:')[1].split()[0]) / 1024


def ordinary_words(rng: random.Random) -> Iterator[np.ndarray]:
    """Endless: the same word in many sizes, BGR."""
    from tests.robustness.page_attacks import word
    drawn = cv2.imdecode(np.frombuffer(word(), np.uint8), cv2.IMREAD_COLOR)
    while True:
        height, stretch = int(8 * 64 ** rng.random()), rng.uniform(0.5, 2)
        width = max(1, round(stretch * height * drawn.shape[1] / drawn.shape[0]))
        yield cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)


@cache
def reader() -> Any:
    """The packaged model, warm."""
    from mmocr_siga.apis import WordInferencer
    read = WordInferencer(device='cpu')
    for count in (1, 2, BATCH):
        read(list(islice(ordinary_words(random.Random(0)), count)))
    return read


def memory_of_model() -> float:
    """What is in memory now; the peak is counted from here where that is allowed."""
    with suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')
    return mebibytes('VmRSS')


def pictures(count: int, seed: int, first: int, hang: float = HANG) -> Found:
    """Hostile pictures in batches, each with a word that has to be read all the same."""
    from tests.robustness.hostile_pictures import hostile_pictures
    read, known = reader(), next(ordinary_words(random.Random(1)))
    text, model = read(known)[0].text, memory_of_model()
    faults, kinds, good, bad, lost, hangs, slowest, peak = [], set(), 0, 0, 0, 0, 0.0, 0.0
    folder = tempfile.TemporaryDirectory()
    hostile = hostile_pictures(np.random.default_rng(seed), folder.name)
    source = numbered(hostile, first, count, 'pictures')
    while batch := list(islice(source, BATCH)):
        inputs = [item for _, (_, item) in batch]
        kinds.update(kind for _, (kind, _) in batch)
        faulthandler.dump_traceback_later(STUCK, exit=True, file=sys.__stderr__)
        start = time.monotonic()
        try:
            *results, last = read([*inputs, known])
            good += sum(result.error is None for result in results)
            bad += sum(result.error is not None for result in results)
            if len(results) != len(inputs) or last.text != text:
                raise ValueError(f'{len(results)} of {len(inputs)} read, and {last}')
        except Exception as error:
            lost += 1
            faults.append((batch[0][0], f'the batch from here is lost: {error!r}'))
        seconds, above = time.monotonic() - start, mebibytes('VmHWM') - model
        slowest, peak = max(slowest, seconds), max(peak, above)
        if above > MOST_MEMORY:
            faults.append((batch[0][0], f'up to this batch {above:.0f} MiB'))
        for number, (kind, item) in batch if seconds > hang else []:
            start = time.monotonic()
            with suppress(Exception):
                read([item])
            if (seconds := time.monotonic() - start) > hang:
                hangs += 1
                faults.append((number, f'{kind} takes {seconds:.1f} s'))
    faulthandler.cancel_dump_traceback_later()
    return (f'{count} inputs of {len(kinds)} kinds, {lost} batches lost, {hangs} hangs over '
            f'{hang:g} s (slowest {BATCH} together: {slowest:.1f} s), {good} read, '
            f'{bad} errors, memory +{peak:.0f} MiB above the model', faults)


def datasets(count: int, seed: int, first: int) -> Found:
    """Damaged data sets for training, conversion and tests."""
    from mmocr.utils import register_all_modules

    from tests.robustness.damaged_datasets import FAULTS, GOOD, damaged_datasets, judge
    register_all_modules(init_default_scope=True)
    faults, kinds, verdicts = [], set(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        source = damaged_datasets(random.Random(seed), Path(folder))
        for number, (kind, *case) in numbered(source, first, count, 'datasets'):
            verdict = judge(*case)
            kinds.add(kind)
            verdicts[next(name for name in FAULTS + GOOD if verdict.startswith(name))] += 1
            if verdict not in GOOD:
                faults.append((number, f'{kind}: {verdict}'))
    return (f'{count} sets of {len(kinds)} kinds: ' + ', '.join(
        f'{verdicts[name]} {name}' for name in FAULTS + GOOD), faults)


def kills(count: int, seed: int, first: int) -> Found:
    """Trainings that are killed and resumed, every other one while it writes a checkpoint."""
    from tests.robustness import kills as killing
    faults, done, writing = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        trainings = [killing.Trainings(Path(tempfile.mkdtemp(dir=folder)), loop)
                     for loop in killing.LOOPS.values()]
        points = killing.kills(seed, first + count)
        for number, kill in numbered(points, first, count, 'kills'):
            outcome = trainings[number % len(trainings)].killed(kill)
            done += outcome.killed
            writing += outcome.killed and kill.operation is not None
            if outcome.problem:
                faults.append((number, f'{kill}: {outcome.problem}'))
    return (f'{done} kills of {len(trainings)} kinds of loops, {writing} of them while '
            f'writing: {len(faults)} lost something or have other curves', faults)


def doors(count: int | None, seed: int, first: int) -> Found:
    """Every payload at every door that takes checkpoints."""
    from tests.robustness.evil_checkpoints import DOORS, PAYLOADS, TAKES_TOYS, Station
    faults, visits, refused = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        station = Station(Path(folder))
        for number, (payload, door) in numbered(product(PAYLOADS, DOORS), first, count, 'doors'):
            visit = station.visit(payload, door)
            visits, refused = visits + 1, refused + (visit.refused is not None)
            genuine = payload == 'genuine' and door in TAKES_TOYS
            if harm := visit.harm or (genuine and visit.refused):
                faults.append((number, f'{payload} at {door}: {harm}'))
    return (f'{len(PAYLOADS)} payloads x {len(DOORS)} doors: in {visits} visits {len(faults)} '
            f'ran code, deleted, filled the memory or hung; {refused} refused', faults)


@contextmanager
def served_page() -> Iterator[tuple[str, int]]:
    """Address and process of a page."""
    process = subprocess.Popen([sys.executable, '-m', 'mmocr_siga', 'demo', '--port', '0'],
                               stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        told = process.stdout.readline()
        if not told:
            raise SystemExit('page: it was not served')
        yield told.split()[0].rstrip('/'), process.pid
    finally:
        process.terminate()
        process.wait()


def page(count: int, seed: int, first: int) -> Found:
    """Attacks on a page that is served, and many requests at once."""
    from tests.robustness import page_attacks as attacks
    found: dict[str, list[str]] = {}
    with served_page() as (url, process), tempfile.TemporaryDirectory() as folder:
        attacks.flood(url, 100)
        before = mebibytes('VmRSS', process)
        answers, longest = attacks.flood(url, count)
        grown = mebibytes('VmRSS', process) - before
        found['leaks'] = attacks.find_leaks(url, Path(folder))
        for attack in ('foreign_pages', 'active_content', 'malformed_calls', 'large_pictures'):
            found[attack.replace('_', ' ')] = getattr(attacks, attack)(url)
        peak = mebibytes('VmHWM', process) - before
    found['requests without an answer'] = [
        kind for kind in answers.elements() if kind.startswith('no ')]
    if grown > MOST_GROWTH or peak > MOST_MEMORY:
        found['memory'] = [f'{grown:+.0f} MiB, at most {peak:+.0f} MiB']
    return (', '.join(f'{len(what)} {name}' for name, what in found.items())
            + f'; {count} requests at once: {dict(answers)}, the longest {longest:.0f} s, '
            f'memory {grown:+.0f} MiB; under all attacks at most {peak:+.0f} MiB',
            [(0, f'{name}: {what}') for name, all_ in found.items() for what in all_])


def memory(count: int, seed: int, first: int) -> Found:
    """Readings in one stream, hostile and ordinary ones in turn."""
    from tests.robustness.hostile_pictures import hostile_pictures
    read, faults, folder = reader(), [], tempfile.TemporaryDirectory()
    model, third, done = memory_of_model(), 0.0, 0
    hostile = hostile_pictures(np.random.default_rng(seed), folder.name)
    turns = chain.from_iterable(zip((item for _, item in hostile), ordinary_words(
        random.Random(seed))))
    for _ in read.iter_read(item for _, item in numbered(turns, first, count, 'memory')):
        done += 1
        if done == max(1, count // 3):
            third = mebibytes('VmRSS')
    grown, peak = mebibytes('VmRSS') - third, mebibytes('VmHWM') - model
    if grown > MOST_GROWTH or peak > MOST_MEMORY or done != count:
        faults.append((first, f'{done} of {count} read, {grown:+.0f} MiB, at most {peak:+.0f} MiB'))
    return (f'{done} readings, {grown:+.0f} MiB from the first third to the end, at most '
            f'{peak:+.0f} MiB above the model', faults)


# With what is wanted of each; every payload at every door.
PARTS: dict[str, tuple[Callable[..., Found], int | None]] = dict(
    pictures=(pictures, 10_000), datasets=(datasets, 400), kills=(kills, 50), doors=(doors, None),
    page=(page, 1000), memory=(memory, 3000))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('parts', nargs='*', metavar='PART', help=f"of {', '.join(PARTS)} (default: all)")
    add('--count', type=int, help='how many (default: as in the report)')
    add('--seed', type=int, default=0, help='default: %(default)s')
    add('--first', type=int, default=0, help='number of the first one (default: %(default)s)')
    args = parser.parse_args(argv)
    faulthandler.enable(sys.__stderr__)
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f'no such part: {", ".join(sorted(unknown))}')
    if len(args.parts) == 1:
        name, = args.parts
        part, usual = PARTS[name]
        line, faults = part(usual if args.count is None else args.count, args.seed, args.first)
        print(f'{name}: {line}', flush=True)
        for number, what in faults:
            print(f'{name} --seed {args.seed} --first {number}: {what}', file=sys.stderr)
        return int(bool(faults))
    options = [f'--seed={args.seed}', f'--first={args.first}']
    options += [] if args.count is None else [f'--count={args.count}']
    # One after the other: times and memory are measured.
    codes = [subprocess.run([sys.executable, os.path.abspath(__file__), name, *options]).returncode
             for name in args.parts or PARTS]
    return int(any(codes))


if __name__ == '__main__':
    sys.exit(main())

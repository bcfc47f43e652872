"""Which words of a data set can be used: the scan of all its labels, and its result on disk."""
from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from mmengine.logging import print_log
from tqdm import tqdm

from ..text.label_rule import Verdict

# From this many words on a scan shows its progress, and its result is kept in a file.
LARGE = 100_000
_EXAMPLES = 3
_FORMAT = 'mmocr_siga kept words 2'
_KEPT = np.dtype('<u4')


@dataclass
class LabelReport:
    """What the scan of a data set found."""
    name: str
    total: int = 0
    kept: int = 0
    dropped: int = 0  # of those kept, those without some of their characters
    dropped_examples: list[str] = field(default_factory=list)
    faulty: int = 0  # of those skipped, those without a usable label
    skipped: dict[str, int] = field(default_factory=dict)  # by the reason
    examples: dict[str, list[str]] = field(default_factory=dict)  # likewise
    times: int = 1  # how often the data set is repeated in an epoch

    def lines(self) -> list[str]:
        times = f', each {self.times} times' if self.times > 1 else ''
        out = [f'{self.name}: {self.total:,} words, {self.kept:,} kept{times}']
        if self.dropped:
            out.append(f'  {self.dropped:,} kept without their unknown signs or accents, e.g. '
                       f'{", ".join(self.dropped_examples)}')
        for reason, count in self.skipped.items():
            out.append(f'  {count:,} skipped, each of which {reason}, e.g. '
                       f'{", ".join(self.examples[reason])}')
        return out


def scan_labels(name: str, labels: Iterable[tuple[str | None, str]], total: int,
                judge: Callable[[str], Verdict],
                describe: Callable[[int], str]) -> tuple[np.ndarray, LabelReport]:
    """Judge all labels of a data set: indices of the samples kept (K, ), and the report.

    ``labels`` are ``total`` in their order as of :func:`.label_of`; ``judge`` tells what becomes of
    one, as :class:`~mmocr_siga.text.label_rule.LabelRule`; ``describe`` names the sample of an
    index.
    """
    report = LabelReport(name, total=total)
    good = np.ones(total, bool)
    if total >= LARGE:
        print_log(f'Reading the {total:,} labels of {name}', logger='current')
    bar = tqdm(labels, total=total, unit=' labels', disable=None if total >= LARGE else True)
    for index, (text, problem) in enumerate(bar):
        label, reason, dropped = ('', problem, False) if text is None else judge(text)
        if reason is not None:
            good[index] = False
            report.faulty += text is None
            report.skipped[reason] = report.skipped.get(reason, 0) + 1
            examples = report.examples.setdefault(reason, [])
        elif dropped:
            report.dropped += 1
            examples = report.dropped_examples
        else:
            continue
        if len(examples) < _EXAMPLES:
            shown = '' if text is None else f' {_shown(text)}'
            becomes = f' -> {_shown(label)}' if reason is None else ''
            examples.append(f'{describe(index)}{shown}{becomes}')
    report.kept = int(good.sum())
    return np.flatnonzero(good).astype(_KEPT), report


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f'{text[:60]}...')


def cached_scan(database: str, rule: dict, version: dict, cache: str | bool | None, total: int,
                scan: Callable[[], tuple[np.ndarray, LabelReport]]
                ) -> tuple[np.ndarray, LabelReport]:
    """The result of a scan, from a file if there is a sound one of this rule and version.

    A file carries a checksum, and is complete or not there, so any number of processes may make it
    at once.

    Args:
        database: Folder or file of the database.
        rule: What the verdicts depend on, in the terms of JSON.
        version: What changes with the content of the database, likewise.
        cache: A folder for the file, or False for none. None: for a large database, by its
            ``total``, a file beside it or, where that cannot be written, below
            ``$XDG_CACHE_HOME/mmocr_siga``.
        scan: Makes the result.
    """
    if cache is False or (cache is None and total < LARGE):
        return scan()
    header = json.dumps(dict(format=_FORMAT, rule=rule, version=version), sort_keys=True)
    paths = _cache_files(database, cache, json.dumps(rule, sort_keys=True))
    for path in paths:
        found = _load(path, header)
        if found is not None:
            return found
    kept, report = scan()
    for path in paths:
        try:
            _save(path, header, report, kept)
            break
        except OSError as error:
            print_log(f'What the labels of {database} are like cannot be kept in {path}: {error}',
                      logger='current')
    return kept, report


def _cache_files(database: str, cache: str | bool | None, rule: str) -> list[Path]:
    real = Path(os.path.realpath(database))
    name = f'kept-{_digest(rule)}.words'
    elsewhere = f'{real.name}-{_digest(str(real))}-{name}'
    if isinstance(cache, (str, os.PathLike)):
        return [Path(cache) / elsewhere]
    beside = real / name if real.is_dir() else real.with_name(f'{real.name}.{name}')
    home = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache')
    return [beside, home / 'mmocr_siga' / 'labels' / elsewhere]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _load(path: Path, header: str) -> tuple[np.ndarray, LabelReport] | None:
    """None if there is none, it is damaged, or made of other data or by another rule."""
    try:
        digest, found, report, kept = path.read_bytes().split(b'\n', 3)
    except (OSError, ValueError):
        return None
    if found != header.encode() or digest != _checksum(found, report, kept):
        return None
    return np.frombuffer(kept, _KEPT), LabelReport(**json.loads(report))


def _checksum(*parts: bytes) -> bytes:
    return hashlib.sha256(b'\n'.join(parts)).hexdigest().encode()


def _save(path: Path, header: str, report: LabelReport, kept: np.ndarray) -> None:
    parts = header.encode(), json.dumps(asdict(report)).encode(), kept.astype(_KEPT).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(b'\n'.join((_checksum(*parts), *parts)))
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise

"""Tables and JSON of the benchmarks that compare models."""
from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from common import Rounds, environment, head, table


def report(args: argparse.Namespace, measured: Sequence[Rounds], source: str,
           blocks: Callable[[Sequence[dict]], Sequence[str]]) -> int:
    """Print and write what was measured on which words; 1 if nothing could be."""
    info, results = save(args, measured, source)
    print('\n\n'.join([head(info), *blocks(results)]))
    return 0 if any('error' not in r for r in results) else 1


def save(args: argparse.Namespace, measured: Sequence[Rounds],
         source: str) -> tuple[dict, list[dict]]:
    """Write what was measured so far to ``--json``, if given; the environment and all rows."""
    results = [dict(name=row.candidate.name, config=row.candidate.config,
                    precision=row.precision.name, form=row.form, batch=rounds.size, **found)
               for rounds in measured for row, found in rounds.results.items()]
    info = dict(environment(args.device), words=source, rounds=args.repeats,
                clock='processor' if args.cpu_time else 'wall')
    if args.json:
        content = dict(environment=info, yardstick=args.yardstick, rows=results)
        Path(args.json).write_text(json.dumps(content, indent=2))
    return info, results


def tables(results: Sequence[dict], yardstick: str | None, key: str, what: str) -> dict[int, str]:
    """A table for each batch size; ``key`` holds percentiles of ``what``."""
    heads = ['model', 'precision', 'form', 'images/s', f'{what}, ms: p50 / p90 / p99',
             f'times {yardstick} (quartiles)', 'memory, MiB', 'parameters, M', 'GFLOPs an image',
             'operator calls', 'back to back, images/s', 'busy', 'fed by workers, images/s',
             'workers alone, images/s', 'note']
    found = {}
    for batch in dict.fromkeys(r['batch'] for r in results):
        rows = [_cells(r, key, len(heads)) for r in results if r['batch'] == batch]
        used = [i for i in range(len(heads)) if i < 2 or any(row[i] for row in rows)]
        found[batch] = table([heads[i] for i in used], [[row[i] for i in used] for row in rows])
    return found


def _cells(result: dict, key: str, number: int) -> list[str]:
    """The row of a result; only a reason where there is none."""
    form = result['form']
    first = [result['name'], result['precision'], '' if form == 'plain' else form]
    if 'error' in result:
        return [*first, f'not measured: {result["error"]}', *[''] * (number - 4)]

    def text(name: str, form: str) -> str:
        return '' if result.get(name) is None else format(result[name], form)

    return [*first, text('images_per_s', '.4g'),
            ' / '.join(f'{value:.4g}' for value in result[key].values()), ratio_text(result),
            text('memory_mib', '.0f'), text('parameters_m', '.2f'), text('gflops', '.2f'),
            text('calls', ',d'), text('steady_images_per_s', '.4g'), text('busy', '.0%'),
            text('fed_images_per_s', '.4g'), text('loader_images_per_s', '.4g'),
            result.get('note', '')]


def ratio_text(row: dict) -> str:
    """``2.1 (2.0-2.2)``, or nothing."""
    if 'ratio' not in row:
        return ''
    return '{:.2f} ({:.2f}-{:.2f})'.format(row['ratio'], *row['ratio_quartiles'])

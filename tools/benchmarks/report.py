"""Tables, JSON and pictures of the benchmarks that compare models."""
from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import Limits, head, ratio_text, table

# Of precisions and forms in the plot.
_MARKS = 'os^Dvp*X'

def collect(rows: Sequence[Any], measurements: Sequence[Any],
            accuracies: dict[str, float]) -> list[dict]:
    """Results as plain dicts.

    Args:
        rows (Sequence[Any]): Models in a precision: ``candidate`` and ``precision``.
        measurements (Sequence[Any]): One for each batch size: ``size`` and ``results``.
        accuracies (dict[str, float]): Of the models, in percent, where known.
    """
    results = []
    for measured in measurements:
        for row in rows:
            result = dict(name=row.candidate.name, config=row.candidate.config,
                          precision=row.precision.name, batch=measured.size,
                          **measured.results[id(row)])
            if hasattr(row, 'form'):
                result['form'] = row.form
            if row.candidate.name in accuracies:
                result['accuracy'] = accuracies[row.candidate.name]
            results.append(result)
    return results


def tables(results: Sequence[dict], yardstick: str | None, key: str, what: str) -> dict[int, str]:
    """A table for each batch size.

    Args:
        results (Sequence[dict]): From :func:`collect`.
        yardstick (str, optional): What they are compared with.
        key (str): Where the percentiles of the time are.
        what (str): What they are percentiles of.
    """
    heads = ['model', 'precision', 'form', 'images/s', f'{what}, ms: p50 / p90 / p99',
             f'times {yardstick} (quartiles)', 'memory, MiB', 'parameters, M', 'GFLOPs an image',
             'operator calls', 'accuracy, %', 'note']
    found = {}
    for batch in dict.fromkeys(r['batch'] for r in results):
        rows = [_cells(r, key, len(heads)) for r in results if r['batch'] == batch]
        used = [i for i in range(len(heads)) if i < 2 or any(row[i] for row in rows)]
        found[batch] = table([heads[i] for i in used], [[row[i] for i in used] for row in rows])
    return found


def _cells(result: dict, key: str, count: int) -> list[str]:
    """The row of a result; only a reason where there is none."""
    form = result.get('form', 'plain')
    first = [result['name'], result['precision'], '' if form == 'plain' else form]
    if 'error' in result:
        return [*first, f'not measured: {result["error"]}', *[''] * (count - 4)]

    def number(name: str, form: str) -> str:
        return '' if result.get(name) is None else format(result[name], form)

    return [*first, number('images_per_s', '.4g'),
            ' / '.join(f'{value:.4g}' for value in result[key].values()), ratio_text(result),
            number('memory_mib', '.0f'), number('parameters_m', '.2f'), number('gflops', '.2f'),
            number('calls', ',d'), number('accuracy', '.1f'), result.get('note', '')]


def bounds(results: Sequence[dict], limits: Limits) -> str:
    """What the time of a batch would be if nothing but arithmetic, or calls, took time."""
    rows = []
    for r in results:
        if (r['precision'], r.get('form', 'plain')) != ('float32', 'plain'):
            continue
        if r.get('calls') is None or r.get('gflops') is None:
            continue
        took = 1e3 * r['batch'] / r['images_per_s']
        arithmetic = 1e3 * r['gflops'] * 1e9 * r['batch'] / limits.flops
        launch = 1e3 * r['calls'] * limits.call
        rows.append([r['name'], str(r['batch']), f'{took:.4g}',
                     f'{arithmetic:.3g} ({100 * arithmetic / took:.0f} %)',
                     f'{launch:.3g} ({100 * launch / took:.0f} %)'])
    text = (f'Limits of this machine: {limits.flops / 1e9:.0f} GFLOP/s (product of matrices of '
            f'1024 x 1024 in float32), {1e6 * limits.call:.1f} us an operator call\n\n')
    return text + table(['model', 'batch', 'a batch took, ms', 'its arithmetic, ms (share)',
                         'its calls, ms (share)'], rows)


def write(args: argparse.Namespace, results: Sequence[dict], info: dict, limits: Limits,
          blocks: Sequence[str]) -> None:
    """Tables, JSON and plot, where the options want them.

    Args:
        args (argparse.Namespace): With ``markdown``, ``json``, ``plot`` and ``yardstick``.
        results (Sequence[dict]): From :func:`collect`.
        info (dict): What they were made with.
        limits (Limits): Of the machine.
        blocks (Sequence[str]): Text of the tables.
    """
    text = '\n\n'.join([head(info), *blocks, bounds(results, limits)])
    if args.markdown:
        Path(args.markdown).write_text(text + '\n')
    else:
        print(text)
    if args.json:
        content = dict(environment=info, limits=limits._asdict(), yardstick=args.yardstick,
                       rows=list(results))
        Path(args.json).write_text(json.dumps(content, indent=2))
    if args.plot:
        plot(results, args.plot)


def plot(results: Sequence[dict], path: str) -> None:
    """Accuracy against images/s where accuracies are given, else bars of images/s."""
    import matplotlib
    matplotlib.use('Agg')
    from matplotlib import pyplot
    done = [r for r in results if 'error' not in r]
    sizes = list(dict.fromkeys(r['batch'] for r in done)) or [0]
    figure, axes = pyplot.subplots(1, len(sizes), figsize=(5.5 * len(sizes), 4.2), squeeze=False)
    for axis, size in zip(axes[0], sizes):
        rows = [r for r in done if r['batch'] == size]
        if any('accuracy' in r for r in rows):
            _scatter(axis, rows)
        else:
            _bars(axis, rows)
        axis.set(title=f'batch {size}', xlabel='images/s')
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def _kind(row: dict) -> str:
    """Precision and form."""
    special = [part for part in (row['precision'], row.get('form', 'plain'))
               if part not in ('float32', 'plain')]
    return ', '.join(special) or 'as it is'


def _bars(axis: Any, rows: Sequence[dict]) -> None:
    names = [r['name'] if _kind(r) == 'as it is' else f'{r["name"]}, {_kind(r)}' for r in rows]
    rates = [r['images_per_s'] for r in rows][::-1]
    axis.barh(names[::-1], rates, color='tab:blue')
    axis.margins(x=0.15)
    for i, rate in enumerate(rates):
        axis.annotate(f'{rate:.3g}', (rate, i), xytext=(3, 0), va='center',
                      textcoords='offset points')


def _scatter(axis: Any, rows: Sequence[dict]) -> None:
    """A line for each model, and on it a mark for each precision and form."""
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter
    axis.set_xscale('log')
    axis.grid(alpha=0.3)
    axis.set_ylabel('word accuracy, %')
    shown = sorted((r for r in rows if 'accuracy' in r), key=lambda r: r['images_per_s'])
    kinds = list(dict.fromkeys(_kind(r) for r in rows))
    models = list(dict.fromkeys(r['name'] for r in rows if 'accuracy' in r))
    for k, model in enumerate(models):
        own = [r for r in shown if r['name'] == model]
        rates, accuracies = zip(*((r['images_per_s'], r['accuracy']) for r in own))
        axis.plot(rates, accuracies, '-', color=f'C{k}', linewidth=1)
        for r in own:
            axis.plot(r['images_per_s'], r['accuracy'], _MARKS[kinds.index(_kind(r)) % len(_MARKS)],
                      color=f'C{k}')
        axis.annotate(model, (rates[0], accuracies[0]), fontsize=8, xytext=(0, 7),
                      textcoords='offset points')
    for kind in dict.fromkeys(_kind(r) for r in shown):
        axis.plot([], [], _MARKS[kinds.index(kind) % len(_MARKS)], color='gray', label=kind)
    axis.legend(fontsize=8)
    axis.margins(0.25)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(ScalarFormatter())
    axis.xaxis.set_minor_formatter(NullFormatter())

"""Turn the folder that tools/gpu/run.sh wrote on a GPU into a report, and join its weights.

    python tools/gpu/collect.py FOLDER --report docs/reports/gpu.md --weights reader.pth

The pieces of the weights are compared with their checksums, before and after they are joined. Steps
that are missing, failed or were cut off are named, with the end of their logs. A rehearsal on a CPU
makes no report.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PIECE = 15 * 2 ** 20  # bytes
SUMS = 'SHA256SUMS'
LOG_LINES = 12


def write(path: Path, text: str) -> None:
    """Write a file whole, or not at all."""
    part = path.with_name(f'{path.name}.part')
    part.write_text(text, encoding='utf-8')
    os.replace(part, path)


def split(path: Path, out: Path, size: int = PIECE) -> None:
    """Cut a file into pieces ``<name>.00`` ... and write their checksums and its own."""
    content = path.read_bytes()
    for old in out.glob(f'{path.name}.[0-9][0-9]'):
        old.unlink()
    pieces = {f'{path.name}.{i // size:02d}': content[i:i + size]
              for i in range(0, len(content), size)}
    for name, piece in pieces.items():
        (out / name).write_bytes(piece)
    pieces[path.name] = content
    write(out / SUMS, ''.join(f'{hashlib.sha256(piece).hexdigest()}  {name}\n'
                              for name, piece in pieces.items()))


def check_pieces(folder: Path) -> list[str]:
    """Names of the pieces, after their checksums were compared; ValueError names what is wrong."""
    if not (folder / SUMS).is_file():
        return []
    *pieces, _ = _sums(folder)
    for name, wanted in pieces:
        if not (folder / name).is_file():
            raise ValueError(f'{folder / name} is missing, of which {SUMS} tells')
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != wanted:
            raise ValueError(f'{folder / name} is damaged: its checksum is not that of {SUMS}')
    return [name for name, _ in pieces]


def join(folder: Path, target: Path) -> None:
    """Join the pieces of a folder, ``cat reader.pth.?? > reader.pth``; ValueError as above."""
    content = b''.join((folder / name).read_bytes() for name in check_pieces(folder))
    wanted = _sums(folder)[-1][1]
    if hashlib.sha256(content).hexdigest() != wanted:
        raise ValueError(f'the pieces in {folder} do not make the file of {SUMS}: is it whole?')
    target.write_bytes(content)


def _sums(folder: Path) -> list[tuple[str, str]]:
    """Name and checksum of each line; the last is the whole file."""
    rows = []
    for line in (folder / SUMS).read_text().splitlines():
        wanted, _, name = line.partition('  ')
        if not name or Path(name).name != name:
            raise ValueError(f'{folder / SUMS}: {line!r} is no checksum and name')
        rows.append((name, wanted))
    if len(rows) < 2:
        raise ValueError(f'{folder / SUMS} names no pieces')
    return rows


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [heads, ['---'] * len(heads), *rows]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)


def speed_table(rows: Sequence[dict]) -> str:
    """Models, precisions and batch sizes; columns that have something in them."""
    columns = {
        'images/s': ('images_per_s', '{:,.0f}'),
        'back to back, images/s': ('steady_images_per_s', '{:,.0f}'),
        'GPU busy': ('busy', '{:.0%}'), 'fed by workers, images/s': ('fed_images_per_s', '{:,.0f}'),
        'workers alone, images/s': ('loader_images_per_s', '{:,.0f}'),
        'memory, MiB': ('memory_mib', '{:,.0f}'), 'parameters, M': ('parameters_m', '{:.2f}'),
        'GFLOPs an image': ('gflops', '{:.2f}'), 'operator calls': ('calls', '{:,d}'),
        'times the first (quartiles)': ('ratio', None), 'note': ('note', '{}')}
    used = {head: entry for head, entry in columns.items()
            if any(row.get(entry[0]) is not None for row in rows)}
    lines = []
    for row in rows:
        cells = [row['name'], row['precision'], row['batch']]
        for key, form in used.values():
            value = row.get(key)
            if key == 'ratio' and value is not None:
                form = f'{{:.2f}} ({row["ratio_quartiles"][0]:.2f}-{row["ratio_quartiles"][1]:.2f})'
            cells.append('' if value is None else form.format(value))
        if 'error' in row:
            cells[3:4] = [f'not measured: {row["error"]}']
        lines.append(cells)
    return table(['model', 'precision', 'batch', *used], lines)


def losses_table(rows: Sequence[dict]) -> str:
    """Pseudo-labels and losses as a share of a step."""
    lines = []
    for row in rows:
        parts = {name: ms for name, ms in row.get('split_ms', {}).items() if name != 'data'}
        if 'losses' in parts:
            whole = sum(parts.values())
            lines.append([row['name'], row['precision'], row['batch'],
                          *(f'{parts.get(name, 0):.2f}' for name in
                            ('forward', 'losses', 'backward', 'optimizer')),
                          f'{parts["losses"] / whole:.1%}'])
    return table(['model', 'precision', 'batch', 'forward, ms', 'pseudo-labels and losses, ms',
                  'backward, ms', 'optimizer, ms', 'share of pseudo-labels and losses'],
                 lines) if lines else ''


def waits_table(rows: Sequence[dict]) -> str:
    return table(['training', 'a step, ms', 'longer by (quartiles)'], [
        [row['name'], f'{row["step_ms"]:.4g}',
         '{1:.1%} ({0:.1%} to {2:.1%})'.format(*row['longer'])] for row in rows])


def reader_table(data: dict) -> str:
    rows = [[name, value if isinstance(value, (str, int)) else f'{value:,.1f}']
            for name, value in data.items() if name != 'tested']
    key = '/recog/word_acc_ignore_case_symbol'
    rows += [[f'words read of {name[:-len(key)]}, %', f'{100 * value:.1f}']
             for name, value in data.get('tested', {}).items() if name.endswith(key)]
    return table(['', 'packaged reader, trained on'], rows)


def found(name: str, data: Any) -> list[str]:
    """What a step found out, as parts of the report."""
    if name == 'reader':
        return [reader_table(data)]
    if name == 'tests':
        return ['{tests} tests: {failures} failed, {errors} errors, {skipped} skipped'.format(
            **data)]
    if isinstance(data, list):
        return ['\n'.join(f'- {line}' for line in data)]
    if name == 'spared_waits':
        return [f'{head(data["environment"])}.', waits_table(data['rows'])]
    return [f'{head(data["environment"])}.', speed_table(data['rows']),
            *filter(None, [losses_table(data['rows'])])]


def head(info: dict) -> str:
    return ', '.join(f'{key} {value}' for key, value in info.items())


def section(name: str, result: dict) -> str:
    """A step of the report."""
    parts = [f'## {result["title"]}', f'`{result["command"]}`: {result["status"]}, '
             f'{result["seconds"]:.0f} s of {result["given_s"]:.0f} s; '
             f'{head(result["machine"])}.']
    if result['data']:
        parts += found(name, result['data'])
    if result['status'] != 'done':
        why = ('it was cut off' if result['status'] == 'cut off' else
               f'it failed, exit status {result["exit_status"]}')
        last = '\n'.join(result['log'].splitlines()[-LOG_LINES:])
        parts.append(f'Not whole: {why}. The end of its log:\n\n```text\n{last}\n```')
    elif name == 'tests' and result['exit_status']:
        failed = [line for line in result['log'].splitlines() if line.startswith('FAILED')]
        parts.append('\n'.join(f'- {line}' for line in failed))
    return '\n\n'.join(parts)


def markdown(content: dict, steps: Sequence[str]) -> str:
    """The report of all steps, those that are missing among them."""
    results = content['steps']
    missing = [name for name in steps if name not in results]
    parts = ['# On a GPU']
    if content['tiny'] or content['device'] != 'cuda':
        parts.append(f'**A rehearsal on {content["device"]}, '
                     f'{"with tiny sizes" if content["tiny"] else "at full size"}: no figure here '
                     'says anything about a GPU.**')
    parts.append('`bash tools/gpu/run.sh` ([how](../guides/gpu.md)); '
                 f'{content["spent_s"]:.0f} s of {content["budget_s"]:.0f} s.')
    if missing:
        parts.append(f'Not measured, for want of time: {", ".join(missing)}.')
    parts += [section(name, results[name]) for name in steps if name in results]
    return '\n\n'.join(parts) + '\n'


def main(argv: Sequence[str] | None = None) -> int:
    """Write the report and the weights; 1 if a step is missing or not done."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('folder', type=Path)
    add('--report', type=Path, help='file to write (default: print)')
    add('--weights', type=Path, help='file for the joined weights')
    args = parser.parse_args(argv)
    try:
        content = json.loads((args.folder / 'gpu.json').read_text('utf-8'))
        pieces = check_pieces(args.folder)
        if args.weights and not pieces:
            raise ValueError(f'{args.folder} holds no weights: the step that trains was not done')
        if args.weights:
            join(args.folder, args.weights)
        if args.report and (content['tiny'] or content['device'] != 'cuda'):
            raise ValueError(f'{args.folder} is of a rehearsal on {content["device"]}: no report '
                             'is made of that')
    except (OSError, ValueError, KeyError) as error:
        print(f'collect: {error}', file=sys.stderr)
        return 2
    names = content['planned']
    text = markdown(content, names)
    if args.report:
        write(args.report, text)
    else:
        print(text)
    whole = [name for name in names if content['steps'].get(name, {}).get('status') == 'done']
    print(f'{len(whole)} of {len(names)} steps done; {len(pieces)} pieces of weights',
          file=sys.stderr)
    return int(len(whole) < len(names))


if __name__ == '__main__':
    sys.exit(main())

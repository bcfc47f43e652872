"""Time reading: SIGA, SIGA-P and SRN beside MMOCR's SAR, NRTR and ABINet.

All models take turns, so that a machine whose speed drifts slows all of them. For the decoder alone
and for the whole model, at each batch size, a row gives the median time of a batch and how many
times as fast as SIGA of the same size that is: the median over the turns, with quartiles. Weights
are random. All read words of up to 25 characters from 37 classes; SIGA's loop ends with the longest
word of a batch, so that it has a row for each of --lengths, the first of which is compared with.
The loops of SAR and NRTR run to their end whatever they read, and the others have none.

    python tools/benchmarks/decode.py --group tiny --repeats 11 --threads 1 --markdown
    python tools/benchmarks/decode.py --batch 1 32 --repeats 5 --json decode.json --markdown
"""
from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, NamedTuple

import numpy as np
import torch

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

from common import Timer, environment  # isort: skip
from mmengine.config import Config  # isort: skip
from mmengine.hub import get_config  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmocr.registry import MODELS  # isort: skip
from mmocr.structures import TextRecogDataSample  # isort: skip
from mmocr_siga.models import SIGADecoder  # isort: skip
from mmocr_siga.text.dictionary import resolve_dict_file  # isort: skip

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
MAX_SEQ_LEN = 25
PARTS = ('decoder', 'whole model')


class Entry(NamedTuple):
    """A model of the table."""

    name: str
    config: str  # one of this package, or 'mmocr::...'
    size: tuple[int, int]  # (height, width) of the input
    group: str


ENTRIES = (
    Entry('SIGA tiny', 'siga_tiny.py', (32, 128), 'tiny'),
    Entry('SIGA-P tiny', 'siga_p_tiny.py', (32, 128), 'tiny'),
    Entry('SRN tiny', 'srn_tiny.py', (32, 128), 'tiny'),
    Entry('SIGA R31', 'siga_r31.py', (32, 128), 'full'),
    Entry('SIGA-P R31', 'siga_p_r31.py', (32, 128), 'full'),
    Entry('SRN R50-FPN', 'srn_r50_fpn.py', (64, 256), 'full'),
    Entry('SAR, parallel (MMOCR)',
          'mmocr::textrecog/sar/sar_resnet31_parallel-decoder_5e_st-sub_mj-sub_sa_real.py',
          (48, 160), 'full'),
    Entry('SAR, sequential (MMOCR)',
          'mmocr::textrecog/sar/sar_resnet31_sequential-decoder_5e_st-sub_mj-sub_sa_real.py',
          (48, 160), 'full'),
    Entry('NRTR (MMOCR)', 'mmocr::textrecog/nrtr/nrtr_resnet31-1by8-1by4_6e_st_mj.py', (32, 160),
          'full'),
    Entry('ABINet (MMOCR)', 'mmocr::textrecog/abinet/abinet_20e_st-an_mj.py', (32, 128), 'full'),
)


class Row(NamedTuple):
    """Something to time: a part of a model that reads a batch."""

    name: str
    group: str
    part: str
    function: Callable


def build(entry: Entry, device: torch.device) -> torch.nn.Module:
    """A model with random weights, for words of up to 25 characters of the same 36."""
    if entry.config.startswith('mmocr::'):
        cfg = get_config(entry.config).model
        level(cfg)
    else:
        cfg = Config.fromfile(CONFIGS / entry.config).model
        cfg.pop('glyph_head', None)
    model = MODELS.build(cfg).eval().to(device)
    if isinstance(model.decoder, SIGADecoder):
        with torch.no_grad():  # No word ends before its time, whatever the weights are.
            model.decoder.reader.classifier.bias[model.decoder.dictionary.end_idx] = -1e4
    return model


def level(cfg: Any) -> None:
    """Give all parts of a foreign config the same characters and word length."""
    for value in list(cfg.values()):
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(part, dict):
                level(part)
    if 'dict_file' in cfg:
        cfg['dict_file'] = resolve_dict_file('lower_english_digits.txt')
    if cfg.get('type') in ('ParallelSARDecoder', 'SequentialSARDecoder', 'NRTRDecoder'):
        cfg['max_seq_len'] = MAX_SEQ_LEN
    if str(cfg.get('type')).startswith('ABI') and 'max_seq_len' in cfg:
        cfg['max_seq_len'] = MAX_SEQ_LEN + 1  # it counts the end token


def make_samples(batch: int, size: tuple[int, int]) -> list[TextRecogDataSample]:
    samples = [TextRecogDataSample() for _ in range(batch)]
    for sample in samples:
        sample.set_metainfo(dict(valid_ratio=1.0, img_shape=size))
    return samples


def make_rows(entry: Entry, batch: int, lengths: Sequence[int],
              device: torch.device) -> Iterator[Row]:
    """The rows of one model at one batch size."""
    model = build(entry, device)
    images = torch.randn(batch, 3, *entry.size, device=device)
    samples = make_samples(batch, entry.size)
    feat = model.extract_feat(images)
    encoded = model.encoder(feat, samples) if model.with_encoder else None
    calls = {'decoder': lambda: model.decoder(feat, encoded, samples),
             'whole model': lambda: model(images, samples, mode='tensor')}
    for part, call in calls.items():
        if not isinstance(model.decoder, SIGADecoder):
            yield Row(entry.name, entry.group, part, call)
            continue
        for length in lengths:
            yield Row(f'{entry.name}, {length} characters', entry.group, part,
                      of_length(model.decoder, length, call))


def of_length(decoder: SIGADecoder, length: int, call: Callable) -> Callable:
    """The call with a decoding loop that ends as if the longest word had so many characters."""

    def shortened() -> None:
        decoder.max_seq_len = length
        try:
            call()
        finally:
            decoder.max_seq_len = MAX_SEQ_LEN

    return shortened


@torch.inference_mode()
def measure(entries: Sequence[Entry], batch: int, lengths: Sequence[int], timer: Timer) -> list:
    """Time all models in turns.

    Returns:
        list[dict]: A row a model and part, with ``ms``, ``ratio`` and ``ratio_quartiles``.
    """
    rows = [row for entry in entries for row in make_rows(entry, batch, lengths, timer.device)]
    for row in rows:
        timer.seconds(row.function)
    turns = [[timer.seconds(row.function) for row in rows] for _ in range(timer.repeats)]
    results = []
    for i, row in enumerate(rows):
        base = next((j for j, other in enumerate(rows) if other.group == row.group
                     and other.part == row.part and other.name.startswith('SIGA ')), None)
        result = dict(name=row.name, group=row.group, part=row.part, batch=batch,
                      ms=1e3 * statistics.median(turn[i] for turn in turns))
        if base is not None:
            low, middle, high = np.percentile([t[base] / t[i] for t in turns], (25, 50, 75))
            result.update(ratio=float(middle), ratio_quartiles=[float(low), float(high)])
        print(f'batch {batch}, {row.name}, {row.part}: {result["ms"]:.4g} ms', file=sys.stderr,
              flush=True)
        results.append(result)
    return results


def cell(result: dict | None) -> str:
    if result is None:
        return ''
    if 'ratio' not in result:
        return f'{result["ms"]:.4g}'
    low, high = result['ratio_quartiles']
    return f'{result["ms"]:.4g}: {result["ratio"]:.3g}x ({low:.3g}-{high:.3g})'


def markdown(results: Sequence[dict], info: dict) -> str:
    """A table with a row a model and a column a part and batch size."""
    columns = list(dict.fromkeys((r['batch'], r['part']) for r in results))
    names = list(dict.fromkeys(r['name'] for r in results))
    found = {(r['name'], r['batch'], r['part']): r for r in results}
    heads = [f'{part}, batch {batch}' for batch, part in columns]
    lines = [', '.join(f'{key} {value}' for key, value in info.items()), '',
             'Milliseconds a batch: times as fast as SIGA (quartiles)', '',
             '| model | ' + ' | '.join(heads) + ' |', '|---' * (len(columns) + 1) + '|']
    lines += [f'| {name} | ' + ' | '.join(cell(found.get((name, *c))) for c in columns) + ' |'
              for name in names]
    return '\n'.join(lines)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--batch', type=int, nargs='+', default=[1, 32])
    parser.add_argument('--group', choices=('tiny', 'full'), nargs='+', default=['tiny', 'full'])
    parser.add_argument('--models', nargs='+', metavar='NAME',
                        help='only models whose name contains one of these')
    parser.add_argument('--lengths', type=int, nargs='+', default=[25, 6], metavar='L',
                        help='characters of the longest word of a batch, for SIGA')
    parser.add_argument('--repeats', type=int, default=11)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--threads', type=int, help='CPU threads; default: as torch chooses')
    parser.add_argument('--cpu-time', action='store_true',
                        help='time the processor, not the clock: for a machine others use too')
    parser.add_argument('--json', help='file to write')
    parser.add_argument('--markdown', action='store_true', help='print a table')
    args = parser.parse_args(argv)
    bad = [length for length in args.lengths if not 0 <= length <= MAX_SEQ_LEN]
    if bad:
        parser.error(f'--lengths must be from 0 to {MAX_SEQ_LEN}, got {bad}')
    if min(args.batch) < 1 or args.repeats < 1:
        parser.error('--batch and --repeats must be at least 1')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    args = parse(argv)
    entries = [e for e in ENTRIES if e.group in args.group
               and (not args.models or any(name in e.name for name in args.models))]
    if not entries:
        print(f'no model of {", ".join(args.group)} is called {args.models}; there are '
              f'{", ".join(e.name for e in ENTRIES)}', file=sys.stderr)
        return 2
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    init_default_scope('mmocr')
    timer = Timer(torch.device(args.device), args.repeats, args.cpu_time)
    info = dict(environment(timer.device), clock='processor' if args.cpu_time else 'wall')
    results = [result for batch in args.batch
               for result in measure(entries, batch, args.lengths, timer)]
    if args.json:
        Path(args.json).write_text(json.dumps(dict(environment=info, rows=results), indent=2))
    if args.markdown:
        print(markdown(results, info))
    return 0


if __name__ == '__main__':
    sys.exit(main())

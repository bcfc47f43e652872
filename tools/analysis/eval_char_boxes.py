"""How well the character boxes of a recognizer agree with true ones: F1 at IoU 0.5.

    python tools/analysis/eval_char_boxes.py configs/siga_tiny.py work_dirs/siga_tiny/iter_4500.pth
    python tools/analysis/eval_char_boxes.py siga_tiny_words --data data --split val

Words are those of real/iiit5k_train and real/ic03_train that have char_boxes.tsv. Each predicted
box of a letter or digit is matched to at most one true box and the other way round; words that were
read wrongly count with the boxes that they got. "with text" demands the same character too, letter
case aside. The boxes of iiit5k_train follow the letters, if not closely; those of ic03_train divide
the whole height of a word by vertical cuts.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from boxed_words import BOXED_SETS, BoxCounts, boxed_words, count_matches

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)
from mmocr_siga.apis import WordInferencer, WordResult
from mmocr_siga.cli import run_tool


def measure(readings: Sequence[WordResult], words: Sequence[tuple[Path, str, np.ndarray]],
            threshold: float) -> dict[str, dict[str, BoxCounts]]:
    """Count matched boxes of readings with (path, label, true boxes) of the same words.

    Boxes agree from an IoU of ``threshold`` on. Gives the name of the set, or 'all', to 'boxes' and
    'with text'; ValueError if the model gives no boxes.
    """
    found: dict[str, dict[str, BoxCounts]] = {}
    for reading, (path, label, true) in zip(readings, words):
        if reading.error is not None:
            print(f'{path}: {reading.error}', file=sys.stderr)
        elif reading.char_boxes is None:
            raise ValueError('the model gives no character boxes: it has no glyph maps')
        kept = [i for i, character in enumerate(reading.text) if character.isalnum()]
        boxes = np.array([reading.char_boxes[i] for i in kept], float).reshape(-1, 4)
        width, height = reading.size or (1, 1)
        boxes /= [width, height, width, height]
        read = [reading.text[i].lower() for i in kept]
        same = np.array([[a == b for b in label.lower() if b.isalnum()] for a in read], bool)
        counts = {'boxes': count_matches(boxes, true, threshold),
                  'with text': count_matches(boxes, true, threshold,
                                             same.reshape(len(boxes), len(true)))}
        for name in (path.parent.parent.name, 'all'):
            known = found.setdefault(name, dict.fromkeys(counts, BoxCounts()))
            known.update({kind: known[kind].plus(count) for kind, count in counts.items()})
    return found


def table(found: dict[str, dict[str, BoxCounts]]) -> str:
    lines = ['| set | true boxes | F1 % | precision % | recall % | F1 with text % | mean IoU |',
             '|---|---:|---:|---:|---:|---:|---:|']
    # All together last.
    for name, kinds in sorted(found.items(), key=lambda item: item[0] == 'all'):
        boxes, text = kinds['boxes'], kinds['with text']
        lines.append(f'| {name} | {boxes.true:,} | {100 * boxes.f1:.1f} | '
                     f'{100 * boxes.precision:.1f} | {100 * boxes.recall:.1f} | '
                     f'{100 * text.f1:.1f} | {boxes.overlap / max(boxes.true, 1):.3f} |')
    return '\n'.join(lines)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('config', help='config, or name of a packaged model')
    add('weights', nargs='?', help='not needed with a packaged model')
    add('--data', type=Path, default=Path(os.environ.get('SIGA_DATA', 'data')),
        help='folder that holds real/ (default: $SIGA_DATA or data)')
    add('--split', choices=('train', 'val'), default='val', help='default: %(default)s')
    add('--sets', nargs='+', choices=BOXED_SETS, default=list(BOXED_SETS), help='default: both')
    add('--limit', type=int, help='words of each set at most')
    add('--threshold', type=float, default=0.5, help='IoU (default: %(default)s)')
    add('--batch-size', type=int, default=32, help='default: %(default)s')
    add('--device', help='default: a GPU if there is one')
    add('--json', type=Path, help='write the figures to this file too')
    args = parser.parse_args(argv)
    for name in args.sets:
        if not (args.data / 'real' / name / 'char_boxes.tsv').is_file():
            parser.error(f'there is no real/{name}/char_boxes.tsv in {args.data}: set --data')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    words = boxed_words(args.data, args.split, args.limit, args.sets)
    read = WordInferencer(args.config, args.weights, args.device)
    readings = read([path for path, _, _ in words], batch_size=args.batch_size)
    found = measure(readings, words, args.threshold)
    print(f'{len(words)} words of split {args.split}, IoU {args.threshold:g}\n')
    print(table(found))
    if args.json is not None:
        figures = {name: {kind: dict(count._asdict(), f1=count.f1) for kind, count in kinds.items()}
                   for name, kinds in found.items()}
        args.json.write_text(json.dumps(figures, indent=1) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    run_tool(main)

"""How well the character boxes of a recognizer agree with true ones: F1 at IoU 0.5.

    python tools/analysis/eval_char_boxes.py configs/siga_tiny.py work_dirs/siga_tiny/iter_4500.pth
    python tools/analysis/eval_char_boxes.py siga_tiny_words --data data --split val
    python tools/analysis/eval_char_boxes.py --source cuts --data data
    python tools/analysis/eval_char_boxes.py --source components --data data
    python tools/analysis/eval_char_boxes.py configs/hsg_tiny.py work_dirs/hsg_tiny/iter_4500.pth \
        --source grouping --lengths free

Words are those of real/iiit5k_train and real/ic03_train that have char_boxes.tsv. Each predicted
box of a letter or digit is matched to at most one true box and the other way round; words that were
read wrongly count with the boxes that they got. "with text" demands the same character too, letter
case aside. Without a model nothing is read: the ink of the picture is cut into the label's
characters, or consists of connected strokes (components), whose boxes have no character; nor have
those of the groups of a GroupingPlugin. The boxes of iiit5k_train follow the letters, if not
closely; those of ic03_train divide the whole height of a word by vertical cuts.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from boxed_words import BOXED_SETS, BoxCounts, boxed_words, count_matches

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)
from mmocr_siga.apis import WordInferencer, WordResult
from mmocr_siga.cli import run_tool
from mmocr_siga.geometry.character_boxes import label_boxes
from mmocr_siga.geometry.ink_cuts import ink_boxes, ink_mask
from mmocr_siga.images import decode_picture, read_file
from mmocr_siga.images.regions import regions_of_mask
from mmocr_siga.inference.pipelines import packed
from mmocr_siga.inference.word_reader import CHAR_BOXES

UNKNOWN = '\N{REPLACEMENT CHARACTER}'  # of boxes of which nobody knows the character


def measure(readings: Sequence[WordResult], words: Sequence[tuple[Path, str, np.ndarray]],
            threshold: float) -> dict[str, dict[str, BoxCounts]]:
    """Count matched boxes of readings with (path, label, true boxes) of the same words.

    Boxes agree from an IoU of ``threshold`` on. Gives the name of the set, 'all', or, of words that
    were read from another view, 'of these by tta', to 'boxes' and 'with text'; ValueError if the
    model gives no boxes.
    """
    found: dict[str, dict[str, BoxCounts]] = {}
    for reading, (path, label, true) in zip(readings, words):
        if reading.error is not None:
            print(f'{path}: {reading.error}', file=sys.stderr)
        elif reading.char_boxes is None:
            raise ValueError('the model gives no character boxes: it has no glyph maps')
        kept = [i for i, character in enumerate(reading.text)
                if character.isalnum() or character == UNKNOWN]
        boxes = np.array([reading.char_boxes[i] for i in kept], float).reshape(-1, 4)
        width, height = reading.size or (1, 1)
        boxes /= [width, height, width, height]
        read = [reading.text[i].lower() for i in kept]
        same = np.array([[a == b for b in label.lower() if b.isalnum()] for a in read], bool)
        counts = {'boxes': count_matches(boxes, true, threshold),
                  'with text': count_matches(boxes, true, threshold,
                                             same.reshape(len(boxes), len(true)))}
        by_tta = ['of these by tta'] if reading.view else []
        for name in (path.parent.parent.name, 'all', *by_tta):
            known = found.setdefault(name, dict.fromkeys(counts, BoxCounts()))
            known.update({kind: known[kind].plus(count) for kind, count in counts.items()})
    return found


def components(words: Sequence[tuple[Path, str, np.ndarray]]) -> list[WordResult]:
    """Boxes of connected strokes of 32 pixels and more."""
    images = (decode_picture(read_file(path)) for path, _, _ in words)
    return [_unread(image, regions_of_mask(ink_mask(image), 32, 255)) for image in images]


def grouped(read: WordInferencer, words: Sequence[tuple[Path, str, np.ndarray]],
            lengths: Sequence[int] | None) -> list[WordResult]:
    """Boxes of the letters that a GroupingPlugin finds; ``lengths`` of the words, if known."""
    plugins = getattr(read.model, 'plugins', {}).values()
    plugin = next((each for each in plugins if hasattr(each, 'letters')), None)
    if plugin is None:
        raise ValueError('the model has no GroupingPlugin: take one as configs/hsg_tiny.py')
    results = []
    for i, (path, _, _) in enumerate(words):
        image = decode_picture(read_file(path))
        data = packed(read.pipeline, image)
        batch = read.model.data_preprocessor({key: [value] for key, value in data.items()}, False)
        length = None if lengths is None else torch.tensor(lengths[i:i + 1])
        letters = plugin.letters(read.model, batch['inputs'], batch['data_samples'], length)
        results.append(_unread(image, letters[0].cpu().numpy()))
    return results


def _unread(image: np.ndarray, labels: np.ndarray) -> WordResult:
    """Boxes of the numbers of a map that is stretched over a picture, of one letter each."""
    size = image.shape[1::-1]
    boxes = label_boxes(labels) * [*size, *size]
    return WordResult(text=UNKNOWN * len(boxes), char_boxes=boxes.tolist(), size=size)


def table(found: dict[str, dict[str, BoxCounts]]) -> str:
    lines = ['| set | true boxes | F1 % | precision % | recall % | F1 with text % | mean IoU |',
             '|---|---:|---:|---:|---:|---:|---:|']
    # All together last.
    last = ['all', 'of these by tta']
    for name, kinds in sorted(found.items(), key=lambda item: [n == item[0] for n in last]):
        boxes, text = kinds['boxes'], kinds['with text']
        lines.append(f'| {name} | {boxes.true:,} | {100 * boxes.f1:.1f} | '
                     f'{100 * boxes.precision:.1f} | {100 * boxes.recall:.1f} | '
                     f'{100 * text.f1:.1f} | {boxes.overlap / max(boxes.true, 1):.3f} |')
    return '\n'.join(lines)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('config', nargs='?', help='config, or name of a packaged model; none: labels are known')
    add('weights', nargs='?', help='not needed with a packaged model')
    add('--data', type=Path, default=Path(os.environ.get('SIGA_DATA', 'data')),
        help='folder that holds real/ (default: $SIGA_DATA or data)')
    add('--split', choices=('train', 'val'), default='val', help='default: %(default)s')
    add('--source', choices=(*CHAR_BOXES, 'components', 'grouping'), default='auto',
        help='what boxes are made of: glyph maps, cuts through the ink, or the best there is '
        '(default); connected strokes; groups of strokes')
    add('--lengths', choices=('true', 'read', 'free'), default='true',
        help='letters that there are to group to: those of the label (default), those that are '
        'read, or as many as group best')
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
    if args.config is None and args.source in ('glyphs', 'grouping'):
        parser.error('glyph maps and groups are those of a model: give one')
    return args


def told(words: Sequence[tuple[Path, str, np.ndarray]]) -> list[WordResult]:
    """The labels, with boxes out of the ink alone."""
    results = []
    for path, label, _ in words:
        image = decode_picture(read_file(path))
        size = image.shape[1::-1]
        boxes = ink_boxes(ink_mask(image, len(label)), label) * [*size, *size]
        results.append(WordResult(str(path), label, 1.0, char_boxes=boxes.tolist(), size=size))
    return results


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    words = boxed_words(args.data, args.split, args.limit, args.sets)
    if args.source == 'components':
        readings = components(words)
    elif args.config is None:
        readings = told(words)
    elif args.source == 'grouping':
        # Modules as they were trained: groups are asked of one of them.
        read = WordInferencer(args.config, args.weights, args.device, optimize=False)
        texts = [label for _, label, _ in words]
        if args.lengths == 'read':
            paths = [path for path, _, _ in words]
            texts = [reading.text for reading in read(paths, batch_size=args.batch_size)]
        lengths = [sum(map(str.isalnum, text)) for text in texts]
        readings = grouped(read, words, None if args.lengths == 'free' else lengths)
    else:
        read = WordInferencer(args.config, args.weights, args.device, char_boxes=args.source)
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

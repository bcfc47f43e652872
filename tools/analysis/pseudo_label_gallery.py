"""Draw the text masks and glyph pseudo-labels of word images on one sheet.

    python tools/analysis/pseudo_label_gallery.py words/*.png --out gallery.png
    python tools/analysis/pseudo_label_gallery.py words/labels.tsv --limit 50 --masks words/masks
    python tools/analysis/pseudo_label_gallery.py words/a.png --boxes words/char_boxes.tsv
    python tools/analysis/pseudo_label_gallery.py words/b.png --texts words/labels.tsv
    python tools/analysis/pseudo_label_gallery.py words/*.png --out steps.png \\
        --pipeline configs/siga_r31.py

A column shows a word as 32x128, its text mask and, where the extents of its characters are known,
the glyph labels that an ideal attention, over exactly each character's columns, would cut from the
mask. Extents come from a file of character boxes (see boxed_words.py); a
text of L characters cuts the columns of the mask into L equal parts. With reference masks, also the
intersection over union. A TSV file has lines `image path TAB text`, paths relative to its folder.

With `--pipeline` a row shows the word after each step of the config's training pipeline instead,
every random one of them applied, with the outline of its text mask from where there is one; and,
where the model straightens its images, image and mask warped by points moved at random.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from boxed_words import read_boxes

from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config
from mmocr_siga.geometry.tps import warp_images, warp_masks
from mmocr_siga.images import UnusableImageError, encode_picture
from mmocr_siga.models.pseudo_labels.functional import glyph_labels, two_means_mask_image
from mmocr_siga.text.files import strict_lines
from mmocr_siga.visualization import SheetWord, draw_word_sheet
from mmocr_siga.visualization.glyph_drawing import overlay

from mmengine.config import Config  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmocr.registry import MODELS, TRANSFORMS  # isort: skip

HEIGHT, WIDTH, COLUMNS = 32, 128, 32
LABEL_SIZE = (16, 64)
OUTLINE = (0, 0, 255)
UNSEEN = ('EnsureBGR', 'LoadOCRAnnotations')  # change nothing of an ordinary picture


def read_rows(file: Path) -> list[list[str]]:
    """Fields of the lines of a TSV file."""
    return [line.split('\t') for _, line in strict_lines(file) if line]


def list_images(inputs: list[str], limit: int | None) -> list[Path]:
    """Image paths, those of TSV files included; at most ``limit`` of each TSV file."""
    paths = []
    for entry in map(Path, inputs):
        paths += [entry] if entry.suffix != '.tsv' else [
            entry.parent / row[0] for row in read_rows(entry)[:limit]]
    return paths


def equal_extents(mask: np.ndarray, length: int) -> np.ndarray:
    """Cut the columns that hold text into ``length`` equal parts: (L, 2), shares of the width."""
    columns = np.flatnonzero(mask.any(0))
    if not length or not len(columns):
        return np.empty((0, 2))
    ends = np.linspace(columns[0], columns[-1] + 1, length + 1) / mask.shape[1]
    return np.stack([ends[:-1], ends[1:]], 1)


def ideal_attention(extents: np.ndarray) -> torch.Tensor:
    """Attention (1, T, 32): the share of each column that the extent of each character covers."""
    ends, left = extents * COLUMNS, np.arange(COLUMNS)
    overlap = np.minimum(ends[:, 1:], left + 1) - np.maximum(ends[:, :1], left)
    return torch.from_numpy(overlap.clip(0))[None].float()


def glyph_picture(image: np.ndarray, mask: np.ndarray, attention: torch.Tensor) -> np.ndarray:
    lengths = torch.tensor([attention.size(1)])
    labels = glyph_labels(attention, torch.from_numpy(mask)[None], lengths, LABEL_SIZE, 0.5)
    maps = labels[0, 1:].numpy().astype(np.float32)
    shown = cv2.resize(image, LABEL_SIZE[::-1], interpolation=cv2.INTER_AREA)
    return cv2.resize(overlay(shown, maps), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)


def draw(image: np.ndarray, extents: np.ndarray | None, length: int) -> np.ndarray:
    """Image, mask, and glyph labels of the extents, or of ``length`` equal parts of the mask."""
    image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    mask = two_means_mask_image(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    rows = [image, np.repeat(np.uint8(255) * mask[:, :, None], 3, 2)]
    extents = equal_extents(mask, length) if extents is None else extents
    if len(extents):
        rows.append(glyph_picture(image, mask, ideal_attention(extents)))
    return np.concatenate(rows)


def overlap_share(image: np.ndarray, reference: np.ndarray, resize: bool) -> float:
    """Intersection over union of the text mask and the reference mask."""
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if resize:
        gray = cv2.resize(gray, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    reference = cv2.resize(reference, gray.shape[::-1], interpolation=cv2.INTER_AREA) > 127
    mask = two_means_mask_image(gray)
    return float((mask & reference).sum() / max((mask | reference).sum(), 1))


def word_cells(args: argparse.Namespace) -> list[SheetWord]:
    """:func:`draw` of each readable image; says how masks agree with references."""
    extents = {(Path(file).parent / name).resolve(): boxes[:, ::2] for file in args.boxes
               for name, (_, boxes) in read_boxes(Path(file)).items()}
    lengths = {(Path(file).parent / row[0]).resolve(): len(row[1].replace(' ', ''))
               for file in args.texts for row in read_rows(Path(file))}
    cells, shares = [], []
    for path in list_images(args.inputs, args.limit):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            print(f'skipped, not readable as an image: {path}')
            continue
        caption, reference = path.stem[-36:], None
        if args.masks:
            reference = cv2.imread(str(Path(args.masks) / f'{path.stem}.png'), cv2.IMREAD_GRAYSCALE)
        if reference is not None:
            shares.append([overlap_share(image, reference, resize) for resize in (False, True)])
            print(f'{path.name}: IoU {shares[-1][0]:.3f} as it is, {shares[-1][1]:.3f} at 32x128')
            caption = f'{shares[-1][1]:.2f} {caption}'
        key = path.resolve()
        cells.append(SheetWord(draw(image, extents.get(key), lengths.get(key, 0)), caption))
    for name, values in zip(('as it is', 'at 32x128'), zip(*shares)):
        print(f'IoU {name}: mean {np.mean(values):.3f}, median {np.median(values):.3f}, lowest '
              f'{min(values):.3f}, {len(values)} masks')
    return cells


class Step(NamedTuple):
    """A word on its way through a pipeline."""

    name: str
    image: np.ndarray  # uint8 BGR (H, W, 3)
    mask: np.ndarray | None  # bool (H, W)

    def draw(self) -> np.ndarray:
        """The word at twice its height, with the outline of its mask."""
        picture = cv2.resize(self.image, (2 * WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_NEAREST)
        if self.mask is not None:
            mask = cv2.resize(self.mask.astype(np.uint8), picture.shape[1::-1],
                              interpolation=cv2.INTER_NEAREST)
            outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(picture, outlines, -1, OUTLINE, 1)
        return picture


def pipeline_steps(config: Config) -> list[tuple[str, Callable]]:
    """The training pipeline's transforms, what loads labels and packs left out; every random one
    is applied to every word."""
    if 'train_pipeline' not in config:
        raise ValueError(f'{config.filename} has no train_pipeline')
    kept = [t for t in config.train_pipeline
            if t['type'] not in UNSEEN and not t['type'].startswith('Pack')]
    return [(t['type'], TRANSFORMS.build(dict(t, prob=1.) if 'prob' in t else t)) for t in kept]


def trace(path: Path, steps: Sequence[tuple[str, Callable]]) -> list[Step]:
    """A word after each transform."""
    results, seen = dict(img_path=str(path)), []
    for name, transform in steps:
        results = transform(results)
        mask = results.get('gt_seg_map')
        seen.append(Step(name, results['img'].copy(), None if mask is None else mask == 1))
    return seen


def straighten(step: Step, rectifier: torch.nn.Module, bend: float) -> Step:
    """Warp image and mask by one grid, as training does, with points up to ``bend`` off."""
    image = torch.from_numpy(step.image).permute(2, 0, 1)[None].float()
    bias = rectifier.points.bias.data
    with torch.no_grad():
        rectifier.points.bias.data = bias + bend * (2 * torch.rand_like(bias) - 1)
        grid = rectifier.grid(image)
        rectifier.points.bias.data = bias
    warped = warp_images(image, grid)[0].permute(1, 2, 0).round().byte().numpy()
    mask = None if step.mask is None else warp_masks(torch.from_numpy(step.mask)[None], grid)[0]
    return Step(f'rectified, points moved by up to {bend:g}', warped,
                None if mask is None else mask.numpy())


def pipeline_rows(args: argparse.Namespace) -> list[list[SheetWord]]:
    """For each readable image the word after each step, and its name."""
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    config = read_config(args.pipeline)
    init_default_scope(config.get('default_scope', 'mmocr'))
    transforms = pipeline_steps(config)
    preprocessor = config.get('model', {}).get('preprocessor')
    rectifier = MODELS.build(preprocessor).eval() if preprocessor else None
    rows = []
    for path in list_images(args.inputs, args.limit):
        try:
            steps = trace(path, transforms)
        except (OSError, UnusableImageError) as error:
            print(f'skipped: {error}')
            continue
        if hasattr(rectifier, 'grid'):
            steps.append(straighten(steps[-1], rectifier, args.bend))
        rows.append([SheetWord(step.draw(), step.name) for step in steps])
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('inputs', nargs='+', help='images, or TSV files naming images')
    add('--out', help='picture to write')
    add('--limit', type=int, help='images of each TSV file; default: all')
    add('--boxes', nargs='*', default=[], help='files of character boxes')
    add('--texts', nargs='*', default=[], help='TSV files of image paths and texts')
    add('--masks', help='folder of reference masks named as the images')
    add('--pipeline', metavar='CONFIG',
        help='show the steps of the training pipeline of this config')
    add('--bend', type=float, default=0.15, help='with --pipeline: how far points of the '
        'rectifier are moved, in halves of the image; default: 0.15')
    add('--seed', type=int, default=0, help='with --pipeline')
    add('--columns', type=positive, default=4, help='words in a row; default: 4')
    args = parser.parse_args(argv)
    if args.masks and not Path(args.masks).is_dir():
        parser.error(f'there is no folder {args.masks!r} (--masks)')
    cells, columns, height = [], args.columns, 6 * HEIGHT
    if args.pipeline:
        rows = pipeline_rows(args)
        cells, columns, height = sum(rows, []), max(map(len, rows), default=0), 2 * HEIGHT
    else:
        cells = word_cells(args)
    if not cells:
        parser.error('no readable image')
    if args.pipeline and not args.out:
        parser.error('name a picture to write with --out')
    if args.out:
        sheet = draw_word_sheet(cells, columns, (2 * WIDTH, height))
        Path(args.out).write_bytes(encode_picture(sheet, Path(args.out).suffix or '.png'))


if __name__ == '__main__':
    run_tool(main)

"""Draw the text masks and glyph pseudo-labels of word images on one sheet.

A column of the sheet shows a word as 32x128, its text mask and, where the extents of its
characters are known, the glyph labels that an ideal attention, over exactly each character's
columns, would cut from the mask. With reference masks, also the intersection over union.

    python tools/analysis/pseudo_label_gallery.py words/*.png --out gallery.png
    python tools/analysis/pseudo_label_gallery.py words/labels.tsv --limit 50 --masks words/masks
    python tools/analysis/pseudo_label_gallery.py words/a.png --boxes words/char_boxes.tsv
    python tools/analysis/pseudo_label_gallery.py words/b.png --texts words/labels.tsv
    python tools/analysis/pseudo_label_gallery.py words/*.png --out steps.png \\
        --pipeline configs/siga_r31.py

With `--pipeline` a column shows the word after each step of the config's training pipeline instead,
every random one of them applied, with the outline of its text mask from where there is one; and,
where the model straightens its images, image and mask warped by points moved at random.

Without extents, a text of L characters cuts the columns of the mask into L equal parts.

A TSV file has lines `image path TAB text`, paths relative to its folder. A line of a box file has
`image path TAB characters TAB x,y,w,h;x,y,w,h;...`, or `image path TAB characters TAB image width
TAB image height TAB x,x,...` with the cuts between characters, in pixels.
"""
from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, NamedTuple

import cv2
import numpy as np
import torch

from mmocr_siga.geometry.tps import warp_images, warp_masks
from mmocr_siga.images import UnusableImageError
from mmocr_siga.models.pseudo_labels.functional import glyph_labels, two_means_mask_image
from mmocr_siga.visualization.glyph_drawing import overlay

from mmengine.config import Config  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmocr.registry import MODELS, TRANSFORMS  # isort: skip

HEIGHT, WIDTH, COLUMNS = 32, 128, 32
LABEL_SIZE = (16, 64)
GAP, CAPTION = 6, 14
OUTLINE = (0, 0, 255)
UNSEEN = ('EnsureBGR', 'LoadOCRAnnotations')  # change nothing of an ordinary picture


def read_rows(file: Path) -> list[list[str]]:
    """Fields of the lines of a TSV file."""
    lines = file.read_text(encoding='utf-8').splitlines()
    return [line.split('\t') for line in lines if line]


def list_images(inputs: list[str], limit: int | None) -> list[Path]:
    """Image paths, those of TSV files included; at most ``limit`` of each TSV file."""
    paths = []
    for entry in map(Path, inputs):
        paths += [entry] if entry.suffix != '.tsv' else [
            entry.parent / row[0] for row in read_rows(entry)[:limit]]
    return paths


def read_extents(files: list[str]) -> dict[Path, list[tuple[float, float]]]:
    """Left and right end of each character, as shares of the image width where it is stated."""
    extents = {}
    for file in map(Path, files):
        for number, fields in enumerate(read_rows(file), 1):
            path = (file.parent / fields[0]).resolve()
            if len(fields) == 3:
                boxes = [[float(x) for x in box.split(',')] for box in fields[2].split(';')]
                extents[path] = [(x, x + w) for x, _, w, _ in boxes]
            elif len(fields) == 5:
                width = float(fields[2])
                cuts = [float(x) / width for x in fields[4].split(',') if x]
                extents[path] = list(zip([0.0, *cuts], [*cuts, 1.0]))
            else:
                raise ValueError(f'{file}, line {number}: expected 3 or 5 fields, '
                                 f'but it has {len(fields)}')
    return extents


def read_lengths(files: list[str]) -> dict[Path, int]:
    """Number of characters of each image's text, blanks left out."""
    return {(file.parent / row[0]).resolve(): len(row[1].replace(' ', ''))
            for file in map(Path, files) for row in read_rows(file)}


def equal_extents(mask: np.ndarray, length: int) -> list[tuple[float, float]]:
    """Cut the columns that hold text into ``length`` equal parts, as shares of the width."""
    columns = np.flatnonzero(mask.any(0))
    if not length or not len(columns):
        return []
    ends = np.linspace(columns[0], columns[-1] + 1, length + 1) / mask.shape[1]
    return list(zip(ends[:-1], ends[1:]))


def ideal_attention(extents: list[tuple[float, float]], width: float) -> torch.Tensor:
    """Attention (1, T, 32): the share of each column that the extent of each character covers.

    Extents are in pixels of an image of ``width``, or shares of it if none exceeds 1.
    """
    ends = np.array(extents) / (width if np.max(extents) > 1 else 1) * COLUMNS
    left = np.arange(COLUMNS)
    overlap = np.minimum(ends[:, 1:], left + 1) - np.maximum(ends[:, :1], left)
    return torch.from_numpy(overlap.clip(0))[None].float()


def glyph_picture(image: np.ndarray, mask: np.ndarray, attention: torch.Tensor) -> np.ndarray:
    lengths = torch.tensor([attention.size(1)])
    labels = glyph_labels(attention, torch.from_numpy(mask)[None], lengths, LABEL_SIZE, 0.5)
    maps = labels[0, 1:].numpy().astype(np.float32)
    shown = cv2.resize(image, LABEL_SIZE[::-1], interpolation=cv2.INTER_AREA)
    return cv2.resize(overlay(shown, maps), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)


def draw(image: np.ndarray, extents: list | None, caption: str, scale: int,
         length: int = 0) -> np.ndarray:
    """One cell: image, mask, glyph labels unless ``extents`` is None, and the caption below.

    Empty ``extents`` are replaced by ``length`` equal parts of the mask.
    """
    width = image.shape[1]
    image = cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    mask = two_means_mask_image(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
    rows = [image, np.repeat(np.uint8(255) * mask[:, :, None], 3, 2)]
    if extents is not None:
        extents = extents or equal_extents(mask, length)
    if extents:
        rows.append(glyph_picture(image, mask, ideal_attention(extents, width)))
    elif extents is not None:
        rows.append(np.full_like(image, 255))
    cell = cv2.resize(np.concatenate(rows), None, fx=scale, fy=scale,
                      interpolation=cv2.INTER_NEAREST)
    return captioned(cell, caption, GAP)


def captioned(picture: np.ndarray, caption: str, above: int) -> np.ndarray:
    """A picture with margins and a caption below."""
    cell = cv2.copyMakeBorder(picture, above, CAPTION, GAP, GAP, cv2.BORDER_CONSTANT,
                              value=(255, 255, 255))
    return cv2.putText(cell, caption, (GAP, len(cell) - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.35,
                       (0, 0, 0), 1, cv2.LINE_AA)


def overlap_share(image: np.ndarray, reference: np.ndarray, resize: bool) -> float:
    """Intersection over union of the text mask and the reference mask."""
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if resize:
        gray = cv2.resize(gray, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    reference = cv2.resize(reference, gray.shape[::-1], interpolation=cv2.INTER_AREA) > 127
    mask = two_means_mask_image(gray)
    return float((mask & reference).sum() / max((mask | reference).sum(), 1))


def sheet(cells: list[np.ndarray], columns: int) -> np.ndarray:
    blank = np.full_like(cells[0], 255)
    cells = cells + [blank] * (-len(cells) % columns)
    return np.concatenate([
        np.concatenate(cells[i:i + columns], 1) for i in range(0, len(cells), columns)
    ])


class Step(NamedTuple):
    """A word on its way through a pipeline."""

    name: str
    image: np.ndarray  # uint8 BGR (H, W, 3)
    mask: np.ndarray | None  # bool (H, W)


def pipeline_steps(config: Config) -> list[tuple[str, Callable]]:
    """The training pipeline's transforms, what loads labels and packs left out; every random one
    is applied to every word."""
    if 'train_pipeline' not in config:
        raise ValueError(f'{config.filename} has no train_pipeline')
    steps = []
    for transform in config.train_pipeline:
        if transform['type'] in UNSEEN or transform['type'].startswith('Pack'):
            continue
        forced = dict(transform, prob=1.) if 'prob' in transform else transform
        steps.append((transform['type'], TRANSFORMS.build(forced)))
    return steps


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


def draw_steps(steps: Sequence[Step], scale: int) -> np.ndarray:
    """One cell: the word after each step with the outline of its mask, the name below."""
    rows = []
    for step in steps:
        size = (scale * WIDTH, scale * HEIGHT)
        picture = cv2.resize(step.image, size, interpolation=cv2.INTER_NEAREST)
        if step.mask is not None:
            mask = cv2.resize(step.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
            outlines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(picture, outlines, -1, OUTLINE, 1)
        rows.append(captioned(picture, step.name, 0))
    return np.concatenate(rows)


def pipeline_cells(paths: Sequence[Path], file: str, bend: float, scale: int) -> list[np.ndarray]:
    """A cell of :func:`draw_steps` for each readable image."""
    config = Config.fromfile(file)
    init_default_scope(config.get('default_scope', 'mmocr'))
    transforms = pipeline_steps(config)
    preprocessor = config.get('model', {}).get('preprocessor')
    rectifier = MODELS.build(preprocessor).eval() if preprocessor else None
    cells = []
    for path in paths:
        try:
            steps = trace(path, transforms)
        except (OSError, UnusableImageError) as error:
            print(f'skipped: {error}')
            continue
        if hasattr(rectifier, 'grid'):
            steps.append(straighten(steps[-1], rectifier, bend))
        cells.append(draw_steps(steps, scale))
    return cells


def word_cells(args: argparse.Namespace) -> list[np.ndarray]:
    """A cell of :func:`draw` for each readable image; says how masks agree with references."""
    extents, lengths = read_extents(args.boxes), read_lengths(args.texts)
    cells, shares = [], []
    for path in list_images(args.inputs, args.limit):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            print(f'skipped, not readable as an image: {path}')
            continue
        caption = path.stem[-36:]
        reference = None
        if args.masks:
            reference = cv2.imread(str(Path(args.masks) / f'{path.stem}.png'), cv2.IMREAD_GRAYSCALE)
        if reference is not None:
            shares.append([overlap_share(image, reference, resize) for resize in (False, True)])
            print(f'{path.name}: IoU {shares[-1][0]:.3f} as it is, {shares[-1][1]:.3f} at 32x128')
            caption = f'{shares[-1][1]:.2f} {caption}'
        known = extents.get(path.resolve(), []) if extents or lengths else None
        cells.append(draw(image, known, caption, args.scale, lengths.get(path.resolve(), 0)))
    for name, values in zip(('as it is', 'at 32x128'), zip(*shares)):
        print(f'IoU {name}: mean {statistics.mean(values):.3f}, median '
              f'{statistics.median(values):.3f}, lowest {min(values):.3f}, {len(values)} masks')
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('inputs', nargs='+', help='images, or TSV files naming images')
    add('--out', help='picture to write')
    add('--limit', type=int, help='images of each TSV file; default: all')
    add('--boxes', nargs='*', default=[], help='files of character extents')
    add('--texts', nargs='*', default=[], help='TSV files of image paths and texts')
    add('--masks', help='folder of reference masks named as the images')
    add('--pipeline', metavar='CONFIG',
        help='show the steps of the training pipeline of this config')
    add('--bend', type=float, default=0.15, help='with --pipeline: how far points of the '
        'rectifier are moved, in halves of the image; default: 0.15')
    add('--seed', type=int, default=0, help='with --pipeline')
    add('--columns', type=int, default=4)
    add('--scale', type=int, default=2)
    args = parser.parse_args()
    if args.pipeline:
        np.random.seed(args.seed)
        torch.manual_seed(args.seed)
        cells = pipeline_cells(list_images(args.inputs, args.limit), args.pipeline, args.bend,
                               args.scale)
    else:
        cells = word_cells(args)
    if not cells:
        parser.error('no readable image')
    if args.pipeline and not args.out or args.out and not cv2.imwrite(
            args.out, sheet(cells, args.columns)):
        parser.error(f'cannot write {args.out}: name a picture with --out')


if __name__ == '__main__':
    main()

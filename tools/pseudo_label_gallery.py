"""Draw the text masks and glyph pseudo-labels of word images on one sheet.

A column of the sheet shows a word as 32x128, its text mask and, where the extents of its
characters are known, the glyph labels that an ideal attention, over exactly each character's
columns, would cut from the mask. With reference masks, also the intersection over union.

    python tools/pseudo_label_gallery.py words/*.png --out gallery.png
    python tools/pseudo_label_gallery.py words/labels.tsv --limit 50 --masks words/masks
    python tools/pseudo_label_gallery.py words/a.png --boxes words/char_boxes.tsv
    python tools/pseudo_label_gallery.py words/b.png --texts words/labels.tsv

Without extents, a text of L characters cuts the columns of the mask into L equal parts.

A TSV file has lines `image path TAB text`, paths relative to its folder. A line of a box file has
`image path TAB characters TAB x,y,w,h;x,y,w,h;...`, or `image path TAB characters TAB image width
TAB image height TAB x,x,...` with the cuts between characters, in pixels.
"""
from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import cv2
import numpy as np
import torch

from mmocr_siga.models.pseudo_labels.functional import glyph_labels, two_means_mask_image
from mmocr_siga.visualization.glyph_drawing import overlay

HEIGHT, WIDTH, COLUMNS = 32, 128, 32
LABEL_SIZE = (16, 64)
GAP, CAPTION = 6, 14


def list_images(inputs: list[str], limit: int | None) -> list[Path]:
    """Image paths, those of TSV files included; at most ``limit`` of each TSV file."""
    paths = []
    for entry in map(Path, inputs):
        if entry.suffix != '.tsv':
            paths.append(entry)
            continue
        lines = [line for line in entry.read_text(encoding='utf-8').splitlines() if line]
        paths += [entry.parent / line.split('\t')[0] for line in lines[:limit]]
    return paths


def read_extents(files: list[str]) -> dict[Path, list[tuple[float, float]]]:
    """Left and right end of each character, as shares of the image width where it is stated."""
    extents = {}
    for file in map(Path, files):
        for number, line in enumerate(file.read_text(encoding='utf-8').splitlines(), 1):
            fields = line.split('\t')
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
    lengths = {}
    for file in map(Path, files):
        for line in file.read_text(encoding='utf-8').splitlines():
            name, _, text = line.partition('\t')
            lengths[(file.parent / name).resolve()] = len(text.replace(' ', ''))
    return lengths


def equal_extents(mask: np.ndarray, length: int) -> list[tuple[float, float]]:
    """Cut the columns that hold text into ``length`` equal parts, as shares of the width."""
    columns = np.flatnonzero(mask.any(0))
    if not length or not len(columns):
        return []
    ends = np.linspace(columns[0], columns[-1] + 1, length + 1) / mask.shape[1]
    return list(zip(ends[:-1], ends[1:]))


def ideal_attention(extents: list[tuple[float, float]], width: float) -> torch.Tensor:
    """Attention (1, T, 32): the share of each column that the extent of each character covers.

    Args:
        extents (list[tuple]): Left and right ends, in pixels of an image of ``width``, or as
            shares of it if none exceeds 1.
        width (float): Image width.
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
    cell = cv2.copyMakeBorder(cell, GAP, CAPTION, GAP, GAP, cv2.BORDER_CONSTANT,
                              value=(255, 255, 255))
    cv2.putText(cell, caption, (GAP, len(cell) - 4), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (0, 0, 0), 1,
                cv2.LINE_AA)
    return cell


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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('inputs', nargs='+', help='images, or TSV files naming images')
    parser.add_argument('--out', help='picture to write')
    parser.add_argument('--limit', type=int, help='images of each TSV file; default: all')
    parser.add_argument('--boxes', nargs='*', default=[], help='files of character extents')
    parser.add_argument('--texts', nargs='*', default=[], help='TSV files of image paths and texts')
    parser.add_argument('--masks', help='folder of reference masks named as the images')
    parser.add_argument('--columns', type=int, default=4)
    parser.add_argument('--scale', type=int, default=2)
    args = parser.parse_args()

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
        length = lengths.get(path.resolve(), 0)
        cells.append(draw(image, known, caption, args.scale, length))
    if not cells:
        parser.error('no readable image')
    for name, values in zip(('as it is', 'at 32x128'), zip(*shares)):
        print(f'IoU {name}: mean {statistics.mean(values):.3f}, median '
              f'{statistics.median(values):.3f}, lowest {min(values):.3f}, {len(values)} masks')
    if args.out and not cv2.imwrite(args.out, sheet(cells, args.columns)):
        parser.error(f'cannot write {args.out}')


if __name__ == '__main__':
    main()

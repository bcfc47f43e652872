"""Draw both views of words for pre-training, with their characters in matching colors.

    python tools/analysis/character_views.py configs/ccd/ccd_siga_tiny.py words/*.png --out a.png
    python tools/analysis/character_views.py configs/ccd/ccd_siga_tiny.py words/train.tsv \\
        --limit 24 --out similar.png --weights work_dirs/ccd_siga_tiny/iter_3000.pth

A cell shows the regular view and its characters, then the irregular view and its characters, as the
training pipeline of the config makes them; the k-th character has the same color in both, and one
that is not in both views is gray. The caption is the name and how many characters are in the
regular view and in both.

With `--weights` also how similar the learned vectors of the characters are (the cosine, from -1,
dark, to 1, bright): a row for each character of the regular view, against all of the regular view
and, to the right, all of the irregular one. It also prints how often a character's nearest vector
in the other view is itself.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from pseudo_label_gallery import list_images

from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config
from mmocr_siga.images import UnusableImageError, encode_picture
from mmocr_siga.models.layers import pool_regions
from mmocr_siga.models.pseudo_labels.functional import region_weights
from mmocr_siga.models.utils.weights import load_weights
from mmocr_siga.visualization import SheetWord, draw_word_sheet
from mmocr_siga.visualization.canvas import character_colors

from mmengine.config import Config  # isort: skip
from mmengine.dataset import Compose, pseudo_collate  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmocr.registry import MODELS  # isort: skip

ZOOM = 2
GRAY = (150, 150, 150)
FADED = 0.35


class Views(NamedTuple):
    """A word as the pipeline packs it."""

    name: str
    packed: dict

    @property
    def images(self) -> np.ndarray:
        return self.packed['inputs'].permute(0, 2, 3, 1).numpy()

    @property
    def labels(self) -> np.ndarray:
        return self.packed['data_samples'].gt_regions.data.numpy()

    @property
    def pairs(self) -> list[int]:
        return self.packed['data_samples'].gt_pairs.tolist()


def read_views(paths: Sequence[Path], config: Config) -> list[Views]:
    """Both views of each word that can be read; says which cannot."""
    pipeline, found = Compose(config.train_pipeline), []
    for path in paths:
        try:
            found.append(Views(path.stem, pipeline(dict(img_path=str(path), instances=[]))))
        except (OSError, UnusableImageError) as error:
            print(f'skipped: {error}')
    return found


def colored(image: np.ndarray, labels: np.ndarray, pairs: Sequence[int]) -> np.ndarray:
    """A faded view with its characters in color, those in both views in the colors of their
    numbers."""
    count = int(labels.max(initial=0))
    palette = np.concatenate([[(0, 0, 0)], character_colors(count)]).astype(np.uint8)
    palette[[k for k in range(1, count + 1) if k not in pairs]] = GRAY
    faded = (255 - FADED * (255.0 - image)).astype(np.uint8)
    return np.where(labels[..., None] > 0, palette[labels], faded)


def draw(views: Views, similarity: np.ndarray | None) -> np.ndarray:
    count = int(max(views.labels[0].max(initial=0), *views.pairs, 0))
    # As many colors for both views, so that they match.
    rows = []
    for image, labels in zip(views.images, views.labels):
        rows += [image, colored(image, np.minimum(labels, count), views.pairs)]
    picture = np.concatenate(rows)
    picture = cv2.resize(picture, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_NEAREST)
    if similarity is None:
        return picture
    height, width = 4 * ZOOM * views.images.shape[1] // 4, picture.shape[1]
    shown = np.full((2 * height, width, 3), 255, np.uint8)
    if similarity.size:
        heat = cv2.applyColorMap(np.uint8(np.clip(255 * (similarity + 1) / 2, 0, 255)),
                                 cv2.COLORMAP_VIRIDIS)
        shown = cv2.resize(heat, (width, 2 * height), interpolation=cv2.INTER_NEAREST)
        shown[:, width // 2 - 1:width // 2 + 1] = 255
    return np.concatenate([picture, shown])


@torch.no_grad()
def similarities(model: torch.nn.Module, words: Sequence[Views]) -> list[np.ndarray]:
    """Cosines (K, 2K) of each word's characters with those of both views, by the teacher; a
    character that is not in the irregular view has the cosine -1 there."""
    data = model.data_preprocessor(pseudo_collate([word.packed for word in words]), False)
    feature = model(data['inputs'])[model.teacher.feature]
    labels = torch.from_numpy(np.concatenate([[word.labels[v] for word in words] for v in (0, 1)]))
    weights = region_weights(labels, tuple(feature.shape[-2:]), model.max_regions)
    vectors = torch.nn.functional.normalize(pool_regions(feature, weights), dim=-1)
    found = []
    for n, word in enumerate(words):
        count = int(word.labels[0].max(initial=0))
        regular, irregular = vectors[n, :count], vectors[len(words) + n, :count].clone()
        cosines = regular @ torch.cat([regular, irregular]).T
        hidden = [k for k in range(count) if k + 1 not in word.pairs]
        cosines[:, [count + k for k in hidden]] = -1
        found.append(cosines.numpy())
    return found


def found_again(words: Sequence[Views], cosines: Sequence[np.ndarray]) -> tuple[int, int]:
    """Characters in both views, of words with at least two such, whose nearest in the irregular
    view is themselves; and their number."""
    right = total = 0
    for word, matrix in zip(words, cosines):
        if len(word.pairs) > 1:
            nearest = matrix[:, len(matrix):].argmax(1) + 1
            right += sum(nearest[k - 1] == k for k in word.pairs)
            total += len(word.pairs)
    return right, total


def trained(config: Config, weights: str) -> torch.nn.Module:
    model = MODELS.build(config.model)
    load_weights(model, weights)
    return model.eval()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('config', help='of a pre-training by characters')
    add('inputs', nargs='+', help='images, or TSV files naming images')
    add('--out', required=True, help='picture to write')
    add('--weights', help='checkpoint of the pre-training, to draw similarities')
    add('--limit', type=positive, help='images of each TSV file; default: all')
    add('--seed', type=int, default=0, help='of the views')
    add('--columns', type=positive, default=4, help='words in a row; default: 4')
    args = parser.parse_args(argv)
    np.random.seed(args.seed)
    config = read_config(args.config)
    init_default_scope(config.get('default_scope', 'mmocr'))
    words = read_views(list_images(args.inputs, args.limit), config)
    if not words:
        parser.error('no readable image')
    cosines = [None] * len(words)
    if args.weights:
        cosines = similarities(trained(config, args.weights), words)
        right, total = found_again(words, cosines)
        print(f'{right} of {total} characters are nearest to themselves in the other view')
    cells = [SheetWord(draw(word, matrix), f'{word.labels[0].max()} / {len(word.pairs)}  '
                       f'{word.name[-28:]}') for word, matrix in zip(words, cosines)]
    height, width = cells[0].image.shape[:2]
    sheet = draw_word_sheet(cells, args.columns, (width, height))
    Path(args.out).write_bytes(encode_picture(sheet, Path(args.out).suffix or '.png'))


if __name__ == '__main__':
    run_tool(main)

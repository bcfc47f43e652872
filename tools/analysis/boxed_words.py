"""Character boxes of real words, and how well predicted ones agree with them."""
from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou

from mmocr_siga.text.files import strict_lines

__all__ = ['BOXED_SETS', 'BoxCounts', 'boxed_words', 'count_matches', 'read_boxes']

# Folders below real/ that hold char_boxes.tsv.
BOXED_SETS = ('iiit5k_train', 'ic03_train')
# Those whose first pixel is (1, 1), as in MATLAB: around 3,077 letters whose ink is one piece the
# boxes leave, in the median, 0 pixels at the left, 2 at the right, 1 above and 3 below.
_FROM_ONE = ('iiit5k_train', )


def read_boxes(file: Path, first: int = 0) -> dict[str, tuple[str, np.ndarray]]:
    """Character boxes of real words: image name, relative to the file's folder, to the text and its
    boxes, (L, 4) as shares of the image.

    A line is ``image TAB text TAB x,y,w,h;x,y,w,h;...``, or ``image TAB text TAB image width TAB
    image height TAB x,x,...`` with the cuts between characters, in pixels; ``first`` is what the
    file calls the first pixel of a box. ValueError if a line holds another number of boxes than of
    characters.
    """
    found = {}
    for number, line in strict_lines(file):
        name, text, *rest = line.split('\t')
        if len(rest) == 1:
            image = cv2.imread(str(file.parent / name))
            if image is None:
                continue
            xywh = np.array([box.split(',') for box in rest[0].split(';')], float)
            xywh[:, :2] -= first
            boxes = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], 1)
            boxes /= np.array([image.shape[1], image.shape[0]] * 2)
        else:
            # Width and height of the picture, and where it is cut between characters.
            cuts = [float(cut) for cut in rest[2].split(',') if cut]
            edges = np.array([0, *cuts, float(rest[0])]) / float(rest[0])
            zeros = np.zeros(len(edges) - 1)
            boxes = np.stack([edges[:-1], zeros, edges[1:], zeros + 1], 1)
        if len(boxes) != len(text):
            raise ValueError(
                f'{file}, line {number}: {len(boxes)} boxes for {len(text)} characters')
        found[name] = text, boxes.clip(0, 1)
    return found


def boxed_words(root: Path, split: str, limit: int | None = None,
                sets: Sequence[str] = BOXED_SETS) -> list[tuple[Path, str, np.ndarray]]:
    """Paths, labels and boxes, (L, 4) as shares of the image, of words that have boxes for all
    their letters and digits.

    ``root`` holds ``real/<set>``, ``split`` is 'train' or 'val', ``limit`` is for each set.
    """
    out = []
    for name in sets:
        folder = root / 'real' / name
        known = read_boxes(folder / 'char_boxes.tsv', first=int(name in _FROM_ONE))
        lines = [line for _, line in strict_lines(folder / f'{split}.tsv')]
        for line in lines[:limit]:
            image, text = line.split('\t')
            boxed, boxes = known.get(image, ('', None))
            kept = [i for i, character in enumerate(boxed) if character.isalnum()]
            letters = ''.join(c for c in text if c.isalnum()).lower()
            if letters and ''.join(boxed[i] for i in kept).lower() == letters:
                out.append((folder / image, text, boxes[kept]))
    return out


class BoxCounts(NamedTuple):
    """Boxes of any number of words."""

    matched: int = 0  # predicted boxes that have a true one of their own
    predicted: int = 0
    true: int = 0
    overlap: float = 0.0  # sum of the IoU of each true box with the predicted one that fits best

    def plus(self, other: BoxCounts) -> BoxCounts:
        return BoxCounts(*(a + b for a, b in zip(self, other)))

    @property
    def precision(self) -> float:
        return self.matched / max(self.predicted, 1)

    @property
    def recall(self) -> float:
        return self.matched / max(self.true, 1)

    @property
    def f1(self) -> float:
        return 2 * self.matched / max(self.predicted + self.true, 1)


def count_matches(predicted: np.ndarray, true: np.ndarray, threshold: float = 0.5,
                  allowed: np.ndarray | None = None) -> BoxCounts:
    """Match predicted (P, 4) to true boxes (T, 4) of a word, one to one, as many as possible.

    Boxes agree from an IoU of ``threshold`` on; ``allowed``, bool (P, T), says which pairs may be
    matched, for example those with the same character.
    """
    boxes = (torch.from_numpy(np.asarray(b, np.float64).reshape(-1, 4)) for b in (predicted, true))
    # Two boxes without an area have no IoU.
    iou = box_iou(*boxes).nan_to_num(0).numpy()
    fits = iou >= threshold
    if allowed is not None:
        fits &= allowed
    matched = fits[linear_sum_assignment(fits, maximize=True)].sum()
    return BoxCounts(int(matched), *iou.shape, float(iou.max(0, initial=0).sum()))

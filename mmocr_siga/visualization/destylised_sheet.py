"""What was asked of a scene, and what was drawn."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from .canvas import FAINT, GAP, INK, WRONG, paper, shortened, written

__all__ = ['draw_destylised']

_SIDE = 480  # longest side of each picture
_PROMPT, _SIZE, _LINE = 170, 14, 20  # width of the column of words, size and step of its lines


def draw_destylised(image: np.ndarray, texts: Sequence[str], decoys: Sequence[bool],
                    drawn: np.ndarray, target: np.ndarray | None = None) -> np.ndarray:
    """Draw a scene, its prompt, the target, if it is known, and the output beside each other: BGR.

    Args:
        image: BGR, uint8 (H, W, 3).
        texts: Of the prompt; those of ``decoys``, which the picture does not have, are red.
        drawn: Probability of ink (H, W).
        target: Ink, uint8 (H, W).
    """
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    parts = [image, np.ascontiguousarray(np.round(255 * drawn.clip(0, 1)).astype(np.uint8))]
    if target is not None:
        parts.insert(1, target)
    shown = [cv2.resize(part if part.ndim == 3 else cv2.cvtColor(part, cv2.COLOR_GRAY2BGR), size,
                        interpolation=cv2.INTER_AREA) for part in parts]
    rows = max(size[1], _LINE * 2)
    shown = [cv2.copyMakeBorder(part, 0, rows - size[1], 0, 0, cv2.BORDER_CONSTANT,
                                value=(255, 255, 255)) for part in shown]
    most = rows // _LINE - 1
    lines = [(shortened(text, _PROMPT, _SIZE), WRONG if decoy else INK)
             for text, decoy in zip(texts, decoys)]
    if not lines:
        lines = [('(nothing)', FAINT)]
    if len(lines) > most:
        lines[most - 1:] = [(f'... and {len(lines) - most + 1} more', FAINT)]
    column = written(paper(rows, _PROMPT), [
        ((2, _LINE * (i + 1)), text, _SIZE, color) for i, (text, color) in enumerate(lines)])
    gap = paper(rows, GAP)
    return np.concatenate([shown[0], gap, column] + [
        part for picture in shown[1:] for part in (gap, picture)], 1)

"""Text detectors that look at long pictures in parts, and say so."""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from mmocr.structures import TextDetDataSample

__all__ = ['Found', 'Tile', 'TiledDetector', 'tiles']

# Detectors reduce pictures to a frame, of whose sides one is about this often as long as the other:
# of a longer picture little more than lines would be left.
_LONG = 4
_LEAST_SIDE, _MOST_TILES = 32, 64
# Nothing can be read in a picture of fewer pixels.
_LOWEST = 8
# Words are lost where pictures are reduced by more than this.
_REDUCED = 0.5


class Found(NamedTuple):
    """What a detector found in a picture."""
    polygons: Any
    scores: Sequence[float] | None = None
    note: str | None = None  # how it looked, where that is not as at any picture


class Tile(NamedTuple):
    """Part of a picture. Its are the words whose middle lies, along the picture's longer side,
    in ``[begin, end)``."""
    left: int
    top: int
    right: int
    bottom: int
    begin: float = -math.inf
    end: float = math.inf


def tiles(width: int, height: int) -> list[Tile]:
    """The parts in which a picture is looked at: the whole, or, if it is more than four times as
    long as wide, parts up to three times as long as wide that overlap by its width; 64 at most."""
    length, side = max(width, height), max(min(width, height), _LEAST_SIDE)
    if length <= _LONG * side or min(width, height) < _LOWEST:
        return [Tile(0, 0, width, height)]
    count = min(math.ceil((length - side) / (2 * side)), _MOST_TILES)
    step, out = (length - side) / count, []
    for i in range(count):
        low, high = int(i * step), min(math.ceil((i + 1) * step + side), length)
        begin = i * step + side / 2 if i else -math.inf
        end = (i + 1) * step + side / 2 if i + 1 < count else math.inf
        box = (low, 0, high, height) if width > height else (0, low, width, high)
        out.append(Tile(*box, begin, end))
    return out


class TiledDetector:
    """A detector that reduces large pictures, and looks at long ones in :func:`tiles`; what it
    found says so."""

    def sample(self, image: np.ndarray) -> TextDetDataSample:
        """What is found in a picture as a whole, BGR (H, W, 3): ``pred_instances`` with polygons
        and scores, and ``img_shape`` and ``scale_factor`` of the pixels that were looked at."""
        raise NotImplementedError

    def __call__(self, image: np.ndarray) -> Found:
        """Find words in a picture, BGR (H, W, 3)."""
        height, width = image.shape[:2]
        parts = tiles(width, height)
        polygons, scores, least, size = [], [], 1.0, None
        for tile in parts:
            part = image[tile.top:tile.bottom, tile.left:tile.right]
            sample = self.sample(np.ascontiguousarray(part))
            factor = min(sample.get('scale_factor', (1.0, 1.0)))
            if factor < least:
                least, size = factor, sample.img_shape[1::-1]
            found = sample.pred_instances
            for polygon, score in zip(found.polygons, found.scores):
                points = np.reshape(polygon, (-1, 2)) + (tile.left, tile.top)
                along = points[:, 0 if width > height else 1]
                if tile.begin <= (along.min() + along.max()) / 2 < tile.end:
                    polygons.append(points.reshape(-1))
                    scores.append(float(score))
        return Found(polygons, scores, _note(len(parts), least, size))


def _note(parts: int, factor: float, size: tuple[int, int] | None) -> str | None:
    said = [f'in {parts} parts'] if parts > 1 else []
    if factor < _REDUCED:
        said.append(f'reduced to {size[0]} x {size[1]} pixels')
    return f'words were looked for in the picture {", ".join(said)}' if said else None

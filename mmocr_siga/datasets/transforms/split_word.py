"""Pieces of words."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmocr.registry import TRANSFORMS

from ...images.regions import region_boxes
from .base import WordTransform, check_arguments


class WordPiece(NamedTuple):
    """A part of a word's picture (H, W, C), at its full height, and what is written there."""
    image: np.ndarray
    text: str


@TRANSFORMS.register_module()
class SplitWord(WordTransform):
    """Cut random pieces out of a word by its characters' boxes (E2STR's "split").

    A word of L characters gives n pieces, n even on 2 to max(L, 2) if it has a Latin letter, else
    on 1 to max(0.7 L, 1). A piece is characters l to r, l even on the first to the last, r on l to
    the last, between the right edges of character l - 1 and of r. Blanks, and characters without
    ink, end where the one before them does. Words of one character, or with another number of
    boxes than of characters, give none; pieces without ink or less than ``min_width`` pixels wide
    are left out.

    Needs ``img``, the label and ``char_boxes`` of the one instance, (L, 4) as x, y, width, height,
    or instead of the boxes ``gt_glyph_map`` (H, W), k on the k-th character. Sets ``pieces``, a
    list of samples like this one.
    """

    def __init__(self, min_width: int = 2) -> None:
        check_arguments(('min_width', min_width, min_width >= 1, 'be at least 1'))
        self.min_width = min_width

    @cache_randomness
    def _seed(self) -> int:
        return int(np.random.randint(2**31))

    def transform(self, results: dict) -> dict:
        instance = results['instances'][0]
        boxes = instance.get('char_boxes')
        if boxes is None and 'gt_glyph_map' in results:
            boxes = region_boxes(results['gt_glyph_map'], len(instance['text']))
        if boxes is None:
            raise KeyError('a word is split by char_boxes of its instance, or by gt_glyph_map, but '
                           f'the results hold {sorted(results)} and the instance '
                           f'{sorted(instance)}')
        found = self.pieces(np.random.default_rng(self._seed()), results['img'], instance['text'],
                            boxes)
        results['pieces'] = [
            dict(img=piece.image, img_path=results.get('img_path'), instances=[
                dict(text=piece.text)], img_shape=piece.image.shape[:2],
                 ori_shape=piece.image.shape[:2]) for piece in found]
        return results

    def pieces(self, rng: np.random.Generator, image: np.ndarray, text: str,
               boxes: Sequence | np.ndarray) -> list[WordPiece]:
        """Pieces of one word, by the generator alone."""
        boxes, length = np.asarray(boxes, np.int64).reshape(-1, 4), len(text)
        if length < 2 or len(boxes) != length:
            return []
        edges = np.maximum.accumulate([0, *(boxes[:, 0] + boxes[:, 2])])
        edges = np.clip(edges, 0, image.shape[1]).tolist()
        latin = any(char.isascii() and char.isalpha() for char in text)
        low, high = (2, max(length, 2)) if latin else (1, max(int(0.7 * length), 1))
        found = []
        for _ in range(int(rng.integers(low, high, endpoint=True))):
            first = int(rng.integers(length))
            last = int(rng.integers(first, length))
            left, right = edges[first], edges[last + 1]
            if right - left >= self.min_width and text[first:last + 1].strip():
                found.append(WordPiece(np.ascontiguousarray(image[:, left:right]),
                                       text[first:last + 1]))
        return found

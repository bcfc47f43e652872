"""Words of a scene in one plain face, in their places."""
from __future__ import annotations

import cv2
import numpy as np
from mmocr.registry import TRANSFORMS

from ...geometry.polygons import border_points, extent, polygon_points
from .base import WordTransform, check_arguments

IGNORED = 255  # in gt_seg_map, as what mmcv's Pad fills in
BORDER_POINTS = 8


@TRANSFORMS.register_module()
class DestyledLabel(WordTransform):
    """Draw the words that are asked for in one plain face where they stand: the labels of ODM.

    Place it behind everything that moves pixels, and behind ``TextPrompt``; without that all words
    are drawn. Words that cannot be drawn, since the face lacks a character or their polygon is
    none, are ignored, taken out of the prompt and counted.

    Adds ``gt_ink``, uint8 (H, W), 255 on ink; ``gt_seg_map``, uint8 (H, W), 1 on ink, 0 on
    background, 255 in ignored regions; ``gt_dropped_map``, bool (H, W), the ink of dropped words
    where no other is; ``gt_borders``, float32 (R, 2, 8, 2), the borders of all these words that are
    high enough to be read, which must be blank where they are dropped; and to ``words_left_out``.
    Changes ``gt_ignored`` and the prompt.

    Args:
        face: A font file; DejaVu Sans as matplotlib carries it without.
        threshold: Gray value of ink from which on a pixel counts as ink.
        min_side: Least height in pixels of words that have ``gt_borders``.
    """

    def __init__(self, face: str | None = None, threshold: int = 30,
                 min_side: float = 6.0) -> None:
        check_arguments(('threshold', threshold, 1 <= threshold <= 255, 'lie in [1, 255]'))
        self.face, self.threshold, self.min_side = face, threshold, min_side

    def transform(self, results: dict) -> dict:
        from ...rendering.plain import draw_plain_words, plain_borders, plain_face
        face, size = plain_face(self.face), results['img'].shape[:2]
        ignored = np.array(results['gt_ignored'], bool)
        dropped = np.asarray(results.get('gt_dropped', np.zeros(len(ignored))), bool)
        words = list(zip(results['gt_polygons'], results['gt_texts']))
        borders = [None if skip else plain_borders(*word, face)
                   for word, skip in zip(words, ignored)]
        undrawn = ~ignored & np.array([each is None for each in borders], bool)
        ignored |= undrawn
        kept = np.flatnonzero(~ignored & ~dropped)
        ink, _ = draw_plain_words(size, [words[i] for i in kept], face)
        others, _ = draw_plain_words(
            size, [words[i] for i in np.flatnonzero(~ignored & dropped)], face)
        marked = (ink >= self.threshold).astype(np.uint8)
        regions = ignored_regions(size, [words[i][0] for i in np.flatnonzero(ignored)])
        results.update(
            gt_ink=ink, gt_seg_map=np.where(regions, np.uint8(IGNORED), marked),
            gt_dropped_map=(others >= self.threshold) & (marked == 0) & ~regions,
            gt_borders=np.array([border_points(*borders[i], BORDER_POINTS)
                                 for i in np.flatnonzero(~ignored)
                                 if extent(*borders[i])[1] >= self.min_side],
                                np.float32).reshape(-1, 2, BORDER_POINTS, 2),
            gt_ignored=ignored,
            words_left_out=results.get('words_left_out', 0) + int(undrawn.sum()))
        if 'prompt_texts' in results and undrawn.any():
            asked = [(text, word) for text, word in zip(
                results['prompt_texts'], results['prompt_words']) if word < 0 or not undrawn[word]]
            results['prompt_texts'] = [text for text, _ in asked]
            results['prompt_words'] = [word for _, word in asked]
        return results


def ignored_regions(size: tuple[int, int], polygons: list) -> np.ndarray:
    """Where polygons lie in a picture of a height and width, bool (H, W); what is no polygon
    covers nothing."""
    regions = np.zeros(size, np.uint8)
    for polygon in polygons:
        try:
            points = polygon_points(polygon)
        except ValueError:
            continue
        if len(points) > 2 and np.isfinite(points).all():
            points = np.clip(np.round(points - 0.5), -30_000, 30_000).astype(np.int32)
            cv2.fillPoly(regions, [points], 1)
    return regions.astype(bool)

"""Sheets of readings for MMOCR's visualization framework."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import mmcv
import numpy as np
from mmengine.dist import master_only
from mmocr.registry import VISUALIZERS
from mmocr.structures import TextRecogDataSample
from mmocr.visualization import BaseLocalVisualizer

from ..structures.explanation import Explanation
from .glyph_drawing import draw_reading

__all__ = ['PARTS', 'GlyphVisualizer', 'draw_sample']

PARTS = ('text_mask', 'pixels', 'attention', 'glyph_maps', 'char_boxes')


@VISUALIZERS.register_module()
class GlyphVisualizer(BaseLocalVisualizer):
    """Draws a sheet for each word: what was read, how sure of each character, and where it looked.

    It takes the place of MMOCR's ``TextRecogLocalVisualizer``. A sheet shows what there is: text,
    label and confidence every recognizer has; masks, attention, glyph maps and boxes come with the
    samples, in the field ``explanation``, or from :attr:`reader`, which is called with a BGR
    picture; ``GlyphVisualizationHook`` brings either.

    Args:
        parts: What to draw besides text and confidence, of :data:`PARTS`.
        options: Those of MMOCR's visualizers; sheets are written in DejaVu Sans, and in a font
            of the system that has the characters where that lacks them.
    """

    def __init__(self, name: str = 'visualizer', *args: Any, parts: Sequence[str] = PARTS,
                 **options: Any) -> None:
        unknown = sorted(set(parts) - set(PARTS))
        if isinstance(parts, str) or unknown:
            raise ValueError(f'parts must be a list of {", ".join(PARTS)}, but is {parts!r}')
        super().__init__(name, *args, **options)
        self.parts = tuple(parts)
        self.reader: Callable[[np.ndarray], Explanation | None] | None = None

    @master_only
    def add_datasample(self, name: str, image: np.ndarray,
                       data_sample: TextRecogDataSample | None = None, draw_gt: bool = True,
                       draw_pred: bool = True, show: bool = False, wait_time: float = 0,
                       pred_score_thr: float | None = None,
                       out_file: str | os.PathLike | None = None, step: int = 0) -> np.ndarray:
        """Draw the sheet of an image, RGB (H, W, 3) or gray (H, W), hand it to all backends and
        return it, uint8 RGB. Arguments are those of MMOCR's visualizers."""
        image = np.asarray(image)
        picture = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
        explanation = self._explanation(picture, data_sample) if draw_pred else None
        sheet = draw_sample(picture, data_sample, explanation, self.parts, draw_gt, draw_pred)
        sheet = np.ascontiguousarray(sheet[..., ::-1])
        if show:
            self.show(sheet, win_name=name, wait_time=wait_time)
        else:
            self.add_image(name, sheet, step)
        if out_file is not None:
            mmcv.imwrite(sheet[..., ::-1], os.fspath(out_file))
        self.set_image(sheet)
        return sheet

    def _explanation(self, picture: np.ndarray,
                     sample: TextRecogDataSample | None) -> Explanation | None:
        text = _text(sample, 'pred_text')
        if text is None:
            return None
        found = sample.get('explanation')
        if found is None and self.reader is not None:
            found = self.reader(picture)
        # What another model would have read does not explain this reading.
        return found if found is not None and found.text == text else None


def draw_sample(image: np.ndarray, data_sample: TextRecogDataSample | None,
                explanation: Explanation | None = None, parts: Sequence[str] = PARTS,
                draw_gt: bool = True, draw_pred: bool = True) -> np.ndarray:
    """Draw the sheet of a word, uint8 BGR, with the parts of an explanation of how it was read: of
    what the recognizer saw, if it saw the image padded or straightened."""
    truth = _text(data_sample, 'gt_text') if draw_gt else None
    text = _text(data_sample, 'pred_text') if draw_pred else None
    if text is None:
        return draw_reading(image, text=None, truth=truth)
    if explanation is None:
        scores = [float(score) for score in data_sample.pred_text.get('score', ())]
        if len(scores) != len(text):
            # Not one for each character, as with tokens for unknown ones: their mean for all.
            scores = [float(np.mean(scores)) if scores else float('nan')] * len(text)
        return draw_reading(image, text=text, scores=scores, truth=truth)
    kept: dict[str, Any] = {part: getattr(explanation, part) for part in parts
                            if getattr(explanation, part) is not None}
    if not explanation.whole:
        kept['rectified'] = explanation.image
    elif 'char_boxes' in kept:
        shape = np.shape(image)
        scale = np.array([shape[1], shape[0]]) / explanation.image.shape[1::-1]
        kept['char_boxes'] = kept['char_boxes'] * np.tile(scale, 2)
    # A token for unknown characters takes the place of one.
    text = ''.join(c if len(c) == 1 else '\N{REPLACEMENT CHARACTER}'
                   for c in explanation.characters)
    return draw_reading(image, text=text, scores=explanation.scores, truth=truth, **kept)


def _text(sample: TextRecogDataSample | None, field: str) -> str | None:
    return getattr(sample, field).get('item') if sample is not None and field in sample else None

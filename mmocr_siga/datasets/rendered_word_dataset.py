"""Words drawn while training, without a file on disk."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable

import numpy as np
from mmocr.models.common import Dictionary
from mmocr.registry import DATASETS

from .rendered_dataset import RenderedTextDataset

if TYPE_CHECKING:
    from ..rendering import RenderedWord, RenderStyle


@DATASETS.register_module()
class RenderedWordDataset(RenderedTextDataset):
    """Words that the workers of a data loader draw, other ones in every epoch.

    A word depends on ``seed``, the rank, how often its index was asked for before, and its index,
    but not on the workers. What :class:`.LabelRule` refuses is drawn again, so the data set needs
    no ``CheckedTextDataset``, and cannot be wrapped in one, since it has no list of labels. A
    training that is resumed begins with the first words again unless it is given another seed.

    Args:
        length: Number of words in an epoch.
        preset, difficulty, fonts, options: Recipe, style, fonts and further arguments of
            :func:`~mmocr_siga.rendering.build_renderer`, which may fail.
        dictionary, max_seq_len, letter_case: See :class:`.RenderedTextDataset`.
        with_masks: Whether to add ``gt_seg_map``, the exact text mask, in the place of
            ``TextMask``.
        lazy_init: Whether to search faces and words only when they are needed.
    """

    kind = 'words'

    def __init__(self, length: int = 1_000_000, preset: str = 'mj_st_like',
                 difficulty: str | RenderStyle | None = None, *,
                 fonts: str | Sequence[str] | None = None, seed: int = 0,
                 dictionary: dict | Dictionary | None = None, max_seq_len: int = 25,
                 letter_case: str = 'auto', with_masks: bool = False,
                 pipeline: Sequence[dict | Callable] | None = None, metainfo: dict | None = None,
                 lazy_init: bool = False, **options: Any) -> None:
        self.with_masks = with_masks
        super().__init__(dictionary, max_seq_len, letter_case, length, preset, difficulty, fonts,
                         seed, pipeline, metainfo, lazy_init, options)

    def draw(self, idx: int, visit: int) -> tuple[RenderedWord, str]:
        """Draw a word, by its index and how often it was drawn before, and its label.

        A RuntimeError if a hundred words in a row have no label that the dictionary allows.
        """
        self.full_init()
        for attempt in range(100):
            word = self.renderer.render((self.seed, self.rank, visit, idx, attempt))
            label, refused = self.label(word.text)
            if refused is None:
                return word, label
        raise RuntimeError(f'none of a hundred words in a row can be used; the last, '
                           f'{word.text!r}, {refused}; check charset, dictionary and max_length')

    def _info(self, idx: int, visit: int) -> dict:
        word, label = self.draw(idx, visit)
        info = dict(
            img=word.image, img_path=f'rendered word {idx} of round {visit}',
            img_shape=word.image.shape[:2], ori_shape=word.image.shape[:2],
            instances=[dict(text=label)], sample_idx=idx)
        if label != word.text:
            info['ori_text'] = word.text
        if self.with_masks:
            info['gt_seg_map'] = (word.glyphs > 0).astype(np.uint8)
        return info

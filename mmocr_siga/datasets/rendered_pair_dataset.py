"""Pairs of words in one style, drawn while training."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable

import numpy as np
from mmocr.models.common import Dictionary
from mmocr.registry import DATASETS

from .rendered_dataset import RenderedTextDataset, UsableWords

if TYPE_CHECKING:
    from ..rendering import RenderStyle, WordRenderer


@DATASETS.register_module()
class RenderedPairDataset(RenderedTextDataset):
    """Pairs of different words in one style, with their background, drawn by the loader's workers.

    What :class:`.PackPairInputs` packs: ``img`` and ``img_pair``, the words, ``img_background``,
    the same without text, and ``gt_seg_map`` and ``gt_seg_map_pair``, 1 on text, all of one size;
    ``instances`` and ``instances_pair``, a label each; ``drawn_texts``, both texts as drawn, where
    labels are in another letter case or lack characters; ``style_id``, that no other pair has. For
    how the words of a pair are alike see ``WordRenderer.render_group``; for what a sample depends
    on :class:`.RenderedDataset`.

    Args:
        length: Number of pairs in an epoch.
        preset, difficulty, fonts, options: Recipe, style, fonts and further arguments of
            :func:`~mmocr_siga.rendering.build_renderer`, which may fail.
        layout: 'fit', 'natural', or None for half and half.
        dictionary, max_seq_len, letter_case: See :class:`.RenderedTextDataset`.
        lazy_init: Whether to search faces and words only when they are needed.
    """

    kind = 'pairs'

    def __init__(self, length: int = 1_000_000, preset: str = 'style_pairs',
                 difficulty: str | RenderStyle | None = None, *, layout: str | None = None,
                 fonts: str | Sequence[str] | None = None, seed: int = 0,
                 dictionary: dict | Dictionary | None = None, max_seq_len: int = 25,
                 letter_case: str = 'auto', pipeline: Sequence[dict | Callable] | None = None,
                 metainfo: dict | None = None, lazy_init: bool = False, **options: Any) -> None:
        self.layout = layout
        super().__init__(dictionary, max_seq_len, letter_case, length, preset, difficulty, fonts,
                         seed, pipeline, metainfo, lazy_init, options)

    def _renderer(self, words: WordRenderer) -> WordRenderer:
        words.words = UsableWords(words.words, self.label)
        return words

    def _info(self, idx: int, visit: int) -> dict:
        group = self.renderer.render_group((self.seed, self.rank, visit, idx), 2,
                                           layout=self.layout)
        labels = [self.label(text)[0] for text in group.texts]
        masks = [(glyphs > 0).astype(np.uint8) for glyphs in group.glyphs]
        shape = group.background.shape[:2]
        return dict(
            img=group.images[0], img_pair=group.images[1], img_background=group.background,
            gt_seg_map=masks[0], gt_seg_map_pair=masks[1], instances=[dict(text=labels[0])],
            instances_pair=[dict(text=labels[1])], drawn_texts=tuple(group.texts),
            style_id=group.style_id, img_path=f'rendered pair {idx} of round {visit}',
            img_shape=shape, ori_shape=shape, sample_idx=idx)

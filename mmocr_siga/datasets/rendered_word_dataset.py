"""Words drawn while training, without a file on disk."""
from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.dist import get_rank
from mmengine.logging import print_log
from mmocr.models.common import Dictionary
from mmocr.registry import DATASETS, TASK_UTILS

from ..text.label_rule import LabelRule

if TYPE_CHECKING:
    from ..rendering import RenderedWord, RenderStyle


@DATASETS.register_module()
class RenderedWordDataset:
    """Words that the workers of a data loader draw, other ones in every epoch.

    A word depends on ``seed``, the rank, how often its index was asked for before, and its index,
    but not on the workers. What :class:`.LabelRule` refuses is drawn again, so the data set needs
    no ``CheckedTextDataset``, and cannot be wrapped in one, since it has no list of labels. A
    training that is resumed begins with the first words again unless it is given another seed.

    Args:
        length: Number of words in an epoch.
        preset, difficulty, fonts, options: Recipe, style, fonts and further arguments of
            :func:`~mmocr_siga.rendering.build_renderer`, which may fail.
        dictionary: Dictionary of the model, or its config; characters that it does not know are
            left out of the label, though drawn. With None labels are as drawn.
        max_seq_len, letter_case: See :class:`~mmocr_siga.text.label_rule.LabelRule`.
        with_masks: Whether to add ``gt_seg_map``, the exact text mask, in the place of
            ``TextMask``.
        lazy_init: Whether to search faces and words only when they are needed.
    """

    def __init__(self, length: int = 1_000_000, preset: str = 'mj_st_like',
                 difficulty: str | RenderStyle | None = None, *,
                 fonts: str | Sequence[str] | None = None, seed: int = 0,
                 dictionary: dict | Dictionary | None = None, max_seq_len: int = 25,
                 letter_case: str = 'auto', with_masks: bool = False,
                 pipeline: Sequence[dict | Callable] | None = None, metainfo: dict | None = None,
                 lazy_init: bool = False, **options: Any) -> None:
        if length < 1:
            raise ValueError(f'length must be positive, but is {length}')
        if isinstance(dictionary, dict):
            dictionary = TASK_UTILS.build(dictionary)
        self.rule = dictionary and LabelRule(dictionary, max_seq_len, letter_case)
        self.length, self.seed, self.with_masks = length, seed, with_masks
        self._options = dict(
            options, recipe=preset, style=difficulty, seed=seed,
            fonts=[fonts] if isinstance(fonts, str) else fonts)
        self.pipeline = Compose(pipeline or [])
        self._metainfo = dict(metainfo or {})
        # How often each index was asked for: one counter for all workers.
        self.visits = torch.zeros(length, dtype=torch.int32).share_memory_()
        self.rank = get_rank()
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        if self._fully_initialized:
            return
        from ..rendering import build_renderer  # with fonts, which other data sets do without
        self.renderer, left_out = build_renderer(**self._options)
        if left_out:
            print_log(f'RenderedWordDataset: left out {len(left_out):,} backgrounds that are no '
                      f'pictures, e.g. {", ".join(left_out[:3])}', logger='current')
        print_log(f'RenderedWordDataset: {len(self.renderer.fonts):,} faces, '
                  f'{len(self.renderer.photographs):,} photographs', logger='current')
        self._fully_initialized = True

    @property
    def metainfo(self) -> dict:
        return copy.deepcopy(self._metainfo)

    def __len__(self) -> int:
        return self.length

    def draw(self, idx: int, visit: int) -> tuple[RenderedWord, str]:
        """Draw a word, by its index and how often it was drawn before, and its label.

        A RuntimeError if a hundred words in a row have no label that the dictionary allows.
        """
        self.full_init()
        for attempt in range(100):
            word = self.renderer.render((self.seed, self.rank, visit, idx, attempt))
            label, refused = word.text, None
            if self.rule is not None:
                label, refused, _ = self.rule(word.text)
            if refused is None:
                return word, label
        raise RuntimeError(f'none of a hundred words in a row can be used; the last, '
                           f'{word.text!r}, {refused}; check charset, dictionary and max_length')

    def get_data_info(self, idx: int) -> dict:
        """A word as a pipeline gets it: ``img``, ``img_path`` (a name for messages), and so on."""
        if not -self.length <= idx < self.length:
            raise IndexError(f'index {idx} is out of range for {self.length} words')
        idx = int(idx) % self.length
        visit = int(self.visits[idx])
        self.visits[idx] = visit + 1
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

    def __getitem__(self, idx: int) -> Any:
        """A word, drawn again if the pipeline returns None, at most a hundred times."""
        for _ in range(100):
            data = self.pipeline(self.get_data_info(idx))
            if data is not None:
                return data
        raise RuntimeError('the pipeline returned None for a hundred rendered words in a row')

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        # Sent to a worker, the counters are shared already. A copy of the data set gets its own.
        if not self.visits.is_shared():
            self.visits.share_memory_()

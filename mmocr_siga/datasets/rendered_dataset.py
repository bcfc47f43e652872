"""What data sets drawn while training share."""
from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable

import torch
from mmengine.dataset import Compose
from mmengine.dist import get_rank
from mmengine.logging import print_log
from mmocr.models.common import Dictionary
from mmocr.registry import TASK_UTILS

from ..text.label_rule import LabelRule
from .wrappers.checked_text_dataset import SkipReason

if TYPE_CHECKING:
    import numpy as np

    from ..rendering import WordRenderer


class RenderedDataset:
    """Samples that the workers of a data loader draw, other ones in every epoch.

    A sample depends on ``seed``, the rank, how often its index was asked for before, and its index,
    but not on the workers. There is no list of labels, so nothing to check or wrap. A training that
    is resumed within its first epoch goes on with the samples that follow.

    A sample for which the pipeline returns None is drawn again and marked in ``skip_flags`` (uint8,
    :class:`SkipReason`), shared by all workers; ``SkipReportHook`` counts them.

    Args:
        length: Number of samples in an epoch.
        preset, difficulty, fonts, options: Recipe, style, fonts and further arguments of
            :func:`~mmocr_siga.rendering.build_renderer`, which may fail.
        lazy_init: Whether to search faces and words only when they are needed.
    """

    kind = 'samples'  # what messages call them

    def __init__(self, length: int, preset: str, difficulty: Any,
                 fonts: str | Sequence[str] | None, seed: int,
                 pipeline: Sequence[dict | Callable] | None, metainfo: dict | None,
                 lazy_init: bool, options: dict[str, Any]) -> None:
        if length < 1:
            raise ValueError(f'length must be positive, but is {length}')
        self.length, self.seed = length, seed
        self._options = dict(
            options, recipe=preset, style=difficulty, seed=seed,
            fonts=[fonts] if isinstance(fonts, str) else fonts)
        self.pipeline = Compose(pipeline or [])
        self._metainfo = dict(metainfo or {})
        # How often each index was asked for: one counter for all workers.
        self.visits = torch.zeros(length, dtype=torch.int32).share_memory_()
        self.skip_flags = torch.zeros(length, dtype=torch.uint8).share_memory_()
        self.rank = get_rank()
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        if self._fully_initialized:
            return
        from ..rendering import build_renderer  # with fonts, which other data sets do without
        name = type(self).__name__
        renderer, left_out = build_renderer(**self._options)
        if left_out:
            print_log(f'{name}: left out {len(left_out):,} backgrounds that are no '
                      f'pictures, e.g. {", ".join(left_out[:3])}', logger='current')
        print_log(f'{name}: {len(renderer.fonts):,} faces, '
                  f'{len(renderer.photographs):,} photographs', logger='current')
        self.renderer = self._renderer(renderer)
        self._fully_initialized = True

    def _renderer(self, words: WordRenderer) -> Any:
        """What draws the samples, made of a renderer of words."""
        return words

    def _info(self, idx: int, visit: int) -> dict:
        """A sample as a pipeline gets it, by its index and how often it was drawn before."""
        raise NotImplementedError

    @property
    def metainfo(self) -> dict:
        return copy.deepcopy(self._metainfo)

    def __len__(self) -> int:
        return self.length

    def get_data_info(self, idx: int) -> dict:
        """A sample as a pipeline gets it: ``img``, ``img_path`` (a name for messages), and so on.
        """
        if not -self.length <= idx < self.length:
            raise IndexError(f'index {idx} is out of range for {self.length} {self.kind}')
        idx = int(idx) % self.length
        visit = int(self.visits[idx])
        self.visits[idx] = visit + 1
        self.full_init()
        return self._info(idx, visit)

    def __getitem__(self, idx: int) -> Any:
        """A sample, drawn again if the pipeline returns None, at most a hundred times."""
        for _ in range(100):
            data = self.pipeline(self.get_data_info(idx))
            if data is not None:
                return data
            self.skip_flags[idx] = int(SkipReason.NO_RESULT)
        raise RuntimeError(
            f'the pipeline returned None for a hundred rendered {self.kind} in a row')

    def describe(self, number: int) -> str:
        """Name of a sample, for messages, by its index in ``skip_flags``."""
        return f'rendered {self.kind}, number {number}'

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        # Sent to a worker, they are shared already. A copy of the data set gets its own.
        for shared in (self.visits, self.skip_flags):
            if not shared.is_shared():
                shared.share_memory_()


class RenderedTextDataset(RenderedDataset):
    """Samples with labels in the form that a dictionary asks for.

    Args:
        dictionary: Dictionary of the model, or its config; characters that it does not know are
            left out of the label, though drawn. With None labels are as drawn.
        max_seq_len, letter_case: See :class:`~mmocr_siga.text.label_rule.LabelRule`.
    """

    def __init__(self, dictionary: dict | Dictionary | None, max_seq_len: int, letter_case: str,
                 *args: Any) -> None:
        if isinstance(dictionary, dict):
            dictionary = TASK_UTILS.build(dictionary)
        self.rule = dictionary and LabelRule(dictionary, max_seq_len, letter_case)
        super().__init__(*args)

    def label(self, text: str) -> tuple[str, str | None]:
        """The label of a text, and why it cannot be used; None if it can."""
        return (text, None) if self.rule is None else self.rule(text)[:2]


class UsableWords:
    """Those of a source's words that can be used by :meth:`RenderedTextDataset.label`."""

    def __init__(self, words: Any, label: Callable[[str], tuple[str, str | None]]) -> None:
        self.words, self.label = words, label

    @property
    def charset(self) -> str:
        return self.words.charset

    def draw(self, rng: np.random.Generator) -> str:
        """A text; a RuntimeError if none of a hundred in a row can be used."""
        for _ in range(100):
            text = self.words.draw(rng)
            refused = self.label(text)[1]
            if refused is None:
                return text
        raise RuntimeError(f'none of a hundred words in a row can be used; the last, {text!r}, '
                           f'{refused}; check charset, dictionary and max_length')

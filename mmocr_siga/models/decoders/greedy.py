"""Reading character by character: one loop for every decoder that feeds back what it read."""
from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Optional

import torch
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..encoders import GlyphEncoding
from ..layers import (
    BranchState,
    Hypothesis,
    beam_search,
    greedy_hypotheses,
    may_reuse_memory,
    merged,
    unroll,
)
from .base import WordDecoder


class Reading(NamedTuple):
    """One greedy step."""

    state: tuple  # what the decoder carries on; with buffers it is written over by the next step
    logits: Tensor  # (N, K)
    token: Tensor  # (N,)


class GreedyWordDecoder(WordDecoder):
    """A decoder that reads in a loop, which ends with the last word of the batch.

    A subclass says how to read in five parts, all of them made of tensors in (nested) named
    tuples, None where there is nothing:

    - weights, which no image changes (:meth:`reading_weights`);
    - memory, which no step changes (:meth:`reading_memory`);
    - state, which each step hands to the next (:meth:`reading_start`); its parts ``branches`` and
      ``token`` are a :class:`BranchState` and the characters (N,) that were read last;
    - buffers, into which steps write where nobody else wants their results
      (:meth:`reading_buffers`);
    - a step (:meth:`reading_step`).

    Args:
        dictionary (dict or Dictionary): As in :class:`WordDecoder`, like all others.
    """

    _frozen: Optional[tuple] = None

    @abstractmethod
    def reading_weights(self, composed: bool = False) -> tuple:
        """The weights in the form that steps read.

        Args:
            composed (bool): Whether matrices are copied into the form that is fastest to use, and
                linear layers that follow each other made one. Defaults to False.
        """

    @abstractmethod
    def reading_memory(self, weights: tuple, encoding: GlyphEncoding) -> tuple:
        """Project what no step changes."""

    @abstractmethod
    def reading_start(self, weights: tuple, context: Tensor) -> tuple:
        """The state before the first step, for a context (N, w, D)."""

    @abstractmethod
    def reading_buffers(self, weights: tuple, memory: tuple, state: tuple, steps: int) -> tuple:
        """Room for so many steps."""

    @abstractmethod
    def reading_step(self, weights: tuple, memory: tuple, state: tuple, t,
                     buffers: Optional[tuple] = None) -> tuple[tuple, Tensor]:
        """One step: the new state and logits (N, K).

        Args:
            weights (tuple): From :meth:`reading_weights`.
            memory (tuple): From :meth:`reading_memory`.
            state (tuple): From :meth:`reading_start` or the last step.
            t (int or Tensor): The step, from 0.
            buffers (tuple, optional): From :meth:`reading_buffers`. Defaults to None.
        """

    def freeze_reading(self) -> None:
        """Keep the weights in the form that steps read, from now on; for reading only."""
        with torch.no_grad():
            self._frozen = contiguous(self.reading_weights(composed=True))

    @property
    def frozen_reading(self) -> Optional[tuple]:
        """What :meth:`freeze_reading` kept."""
        return self._frozen

    def _apply(self, fn, *args, **kwargs) -> 'GreedyWordDecoder':
        super()._apply(fn, *args, **kwargs)
        if self._frozen is not None:
            self.freeze_reading()
        return self

    def train(self, mode: bool = True) -> 'GreedyWordDecoder':
        """As usual; training forgets what :meth:`freeze_reading` kept."""
        if mode:
            self._frozen = None
        return super().train(mode)

    def read(self, encoding: GlyphEncoding, stop_early: bool = True) -> list[Reading]:
        """Read greedily.

        Args:
            encoding (GlyphEncoding): From :class:`SIGAEncoder`.
            stop_early (bool): Stop when every word has ended; what would follow is never read.
                Defaults to True.
        """
        context, steps = encoding.context, self.max_seq_len + 1
        weights = self._frozen or self.reading_weights()
        memory = self.reading_memory(weights, encoding)
        state = self.reading_start(weights, context)
        buffers = None
        if may_reuse_memory(context.device):
            buffers = self.reading_buffers(weights, memory, state, steps)
        ended = torch.zeros_like(state.token, dtype=torch.bool)

        def step(state: tuple, previous: None, t: int) -> tuple[tuple, Reading]:
            state, logits = self.reading_step(weights, memory, state, t, buffers)
            return state, Reading(state, logits, state.token)

        def finished(t: int, last: Reading) -> bool:
            return bool(ended.logical_or_(last.token == self.dictionary.end_idx).all())

        return unroll(step, state, steps, lambda t, last: None, finished if stop_early else None)

    def forward_test(self, feat: Optional[Sequence[Tensor]], out_enc: GlyphEncoding,
                     data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> Tensor:
        """Greedy probabilities (N, max_seq_len + 1, K)."""
        return self.collect([step.logits for step in self.read(out_enc)])

    def nbest(self, out_enc: GlyphEncoding, count: int, width: Optional[int] = None,
              data_samples: Optional[Sequence[TextRecogDataSample]] = None
              ) -> list[list[Hypothesis]]:
        """The most probable words that a beam search finds, and the greedy one.

        All parts of the decoder are fed the characters of the hypothesis, as in training; a word's
        probability is that of the last one. In greedy reading each part is fed its own characters
        instead, so the greedy word is a candidate of its own: the first hypothesis is that word, or
        one that is more probable.

        Args:
            out_enc (GlyphEncoding): From :class:`SIGAEncoder`.
            count (int): Hypotheses for each word.
            width (int, optional): Beams. Defaults to None: the larger of ``count`` and 5.
            data_samples (Sequence[TextRecogDataSample], optional): Not needed.

        Returns:
            list[list[Hypothesis]]: For each word up to ``count``, best first.
        """
        width = max(count, 5) if width is None else width
        end, context = self.dictionary.end_idx, out_enc.context
        encoding = _repeated(out_enc, width)
        weights = self._frozen or self.reading_weights()
        memory = self.reading_memory(weights, encoding)
        start = self.reading_start(weights, encoding.context)

        def step(state: tuple, tokens: Tensor, t: int) -> tuple:
            state, logits = self.reading_step(weights, memory, _fed(_swapped(state), tokens), t)
            return logits.float().log_softmax(-1), _swapped(state)

        found = beam_search(step, _swapped(start), len(context), self.max_seq_len + 1,
                            self.num_classes, end, width, count, context.device)
        greedy = greedy_hypotheses(self.forward_test(None, out_enc), end)
        return [merged([first], more, count) for first, more in zip(greedy, found)]


def _swapped(state: tuple) -> tuple:
    """Words in the first dimension of every tensor instead of branches, or the other way round."""
    return state._replace(branches=BranchState(*(x.transpose(0, 1) for x in state.branches)))


def _fed(state: tuple, tokens: Tensor) -> tuple:
    """The state as if every part of the decoder had read these characters (N,)."""
    branches = state.branches
    fed = branches._replace(tokens=tokens.expand(branches.tokens.shape))
    return state._replace(branches=fed, token=tokens)


def _repeated(encoding: GlyphEncoding, times: int) -> GlyphEncoding:
    """What a decoder reads of an encoding, each word so many times in a row."""

    def repeat(x: Optional[Tensor]) -> Optional[Tensor]:
        return None if x is None else x.repeat_interleave(times, 0)

    return encoding._replace(
        context=repeat(encoding.context), valid=repeat(encoding.valid),
        glyph_features={scale: repeat(x) for scale, x in encoding.glyph_features.items()})


def contiguous(part: tuple) -> tuple:
    """Copy all matrices in (nested) named tuples that are views of others."""
    return type(part)(*(
        value if value is None else value.contiguous() if isinstance(value, Tensor)
        else contiguous(value) for value in part))

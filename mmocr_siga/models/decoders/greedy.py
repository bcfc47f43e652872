"""Reading character by character: one loop for every decoder that feeds back what it read."""
from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Optional

import torch
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..encoders import GlyphEncoding
from ..layers import may_reuse_memory, unroll
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
    - state, which each step hands to the next (:meth:`reading_start`), its last part the
      characters (N,) that were read;
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
        ended = torch.zeros_like(state[-1], dtype=torch.bool)

        def step(state: tuple, previous: None, t: int) -> tuple[tuple, Reading]:
            state, logits = self.reading_step(weights, memory, state, t, buffers)
            return state, Reading(state, logits, state[-1])

        def finished(t: int, last: Reading) -> bool:
            return bool(ended.logical_or_(last.token == self.dictionary.end_idx).all())

        return unroll(step, state, steps, lambda t, last: None, finished if stop_early else None)

    def forward_test(self, feat: Optional[Sequence[Tensor]], out_enc: GlyphEncoding,
                     data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> Tensor:
        """Greedy probabilities (N, max_seq_len + 1, K)."""
        return self.collect([step.logits for step in self.read(out_enc)])


def contiguous(part: tuple) -> tuple:
    """Copy all matrices in (nested) named tuples that are views of others."""
    return type(part)(*(
        value if value is None else value.contiguous() if isinstance(value, Tensor)
        else contiguous(value) for value in part))

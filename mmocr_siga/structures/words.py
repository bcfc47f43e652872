"""Words as decoders are taught and read them. N batch, T steps, P positions, K classes."""
from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

IGNORE_INDEX = -100  # a target that asks for nothing


class WordTargets(NamedTuple):
    """A batch of labels as tensors on the device.

    ``steps`` is the longest label of the batch plus one for the end token; it is known on the host,
    so decoders can stop there without asking the device.
    """

    tokens: Tensor  # (N, steps) previous characters, the start token first
    targets: Tensor  # (N, steps) characters and end token, IGNORE_INDEX after them
    lengths: Tensor  # (N,) characters without end token, at most max_seq_len
    steps: int


class Decoded(NamedTuple):
    """The steps of a decoder that ran, T' of them."""

    logits: dict[str, Tensor]  # (N, T', K) per branch; 'word' is what is read
    attention: Tensor | None  # (N, T', P), each row sums to 1; None: there is none


class WordOutputs(NamedTuple):
    """What a decoder's ``forward_train`` hands to its loss."""

    logits: dict[str, Tensor]  # (N, T', K) per branch
    targets: WordTargets
    attention: Tensor | None = None  # (N, T', P), see Decoded


class Hypothesis(NamedTuple):
    """One way to read a word."""

    tokens: tuple[int, ...]  # classes of the characters, without the end token
    scores: tuple[float, ...]  # probability of each character, given those before it
    probability: float  # of the whole word, its end included

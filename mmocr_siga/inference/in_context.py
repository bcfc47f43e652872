"""In-context reading: labelled words before a word, in the input of a recognizer that was trained
on rows of such words (E2STR, CVPR 2024). N words, K words of context, Q words of the pool that can
be spelled, P tokens of a picture, D channels."""
from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..models.decoders.in_context_decoder import Remembered, WordsInContext
from ..models.layers import selected
from ..models.layers.targets import targets_of_labels
from ..structures.words import Hypothesis
from .context import ContextReader, labels_of
from .context_pool import ContextPool, EncodedPool

__all__ = ['InContextWords']

SHOTS = 8
# Words of the pool that it is checked by, and how many of them are read at a time.
CHECKED, BATCH = 256, 64
# Share of the pool's own words that are less like the others than a word must be like these.
TAIL = 0.05
# Words whose contexts are known again, as when they are seen in other views.
REMEMBERED = 4096


class InContextWords:
    """A pool as an :class:`~mmocr_siga.models.recognizers.InContextRecognizer` sees it.

    Before a word come those of the pool that are most like it, by the mean of their pictures'
    tokens, the most similar first. Other views of a word have its context. A pool counts if more
    characters of its own words are read right after the others than alone, by two standard errors,
    and for words that are as like to one of its words as these are to each other. All else stays as
    it was read.

    Args:
        shots: Most words K before a word. Rows in training had so many, or more; those of many more
            are extrapolation.

    Raises:
        ValueError: If pictures of the pool have different numbers of tokens.
    """

    def __init__(self, read: ContextReader, pool: ContextPool, shots: int | None,
                 fingerprint: str) -> None:
        self.read, self.pool, self.shots = read, pool, shots or SHOTS
        labels = labels_of(read, pool.texts)
        spelled = np.array([label is not None for label in labels], bool)
        if not self._fits(pool.encoded, spelled, fingerprint):
            pool.encoded = self._encoded(spelled, fingerprint)
        self.rows = np.cumsum(spelled) - 1  # of the pool's words among those that can be spelled
        self.contexts: dict[str, np.ndarray] = {}
        self.helps, self.floor = False, np.inf
        if spelled.any():
            self._remember([label for label in labels if label is not None])
            self._check(np.flatnonzero(spelled))

    def _fits(self, encoded: EncodedPool | None, spelled: np.ndarray, fingerprint: str) -> bool:
        """Whether what is kept is of this reader. A file may hold anything."""
        channels = self.read.model.decoder.cross[0].key_value.in_features
        return encoded is not None and encoded.fingerprint == fingerprint and (
            (encoded.counts > 0) == spelled).all() and (not spelled.any() or (
                len(set(encoded.counts[spelled].tolist())) == 1
                and encoded.keys.shape[1] == encoded.features.shape[1] == channels))

    def _encoded(self, spelled: np.ndarray, fingerprint: str) -> EncodedPool:
        start = torch.tensor([self.read.model.decoder.num_classes], device=self.read.device)
        tokens = [self.read.taught(self.pool.picture(i), start)[0][0].float().cpu()
                  for i in np.flatnonzero(spelled)]
        if len({part.shape for part in tokens}) > 1:
            raise ValueError("words of a context need pictures of one size: the test pipeline's "
                             'Resize should have keep_ratio=False')
        tokens = torch.stack(tokens) if tokens else torch.zeros(0, 1, 0)
        counts = np.where(spelled, tokens.shape[1], 0).astype(np.int32)
        features = np.zeros((len(spelled), tokens.shape[2]), np.float32)
        features[spelled] = _features(tokens)
        places = int(counts.sum())
        return EncodedPool(fingerprint, counts, features, tokens.flatten(0, 1).numpy(),
                           np.zeros(places, np.int32), np.zeros(places, bool))

    @torch.no_grad()
    def _remember(self, labels: Sequence[list[int]]) -> None:
        decoder, device = self.read.model.decoder, self.read.device
        memory = torch.from_numpy(self.pool.encoded.keys).unflatten(0, (len(labels), -1))
        self.targets = targets_of_labels(labels, decoder.dictionary.end_idx, decoder.num_classes,
                                         decoder.max_seq_len, device)
        with self.read.precise():
            parts = [decoder.remember(memory[rows].to(device), selected(self.targets, rows))
                     for rows in _slices(len(labels))]
        self.words = Remembered.joined(parts)

    @torch.no_grad()
    def _check(self, numbers: np.ndarray) -> None:
        """Whether words of the pool help each other, and how like they are."""
        steps = np.linspace(0, len(numbers) - 1, min(len(numbers), CHECKED))
        rows = np.unique(steps.astype(int))
        digests = [self.pool.digests()[i] for i in numbers[rows]]
        features = self.pool.encoded.features[numbers[rows]]
        serving, near = self._nearest(features, digests)
        served = near > -np.inf
        if not served.any():  # a single word cannot be checked
            return
        self.floor = float(np.quantile(near[served], TAIL))
        rows = torch.from_numpy(rows[served]).to(self.read.device)
        serving = torch.from_numpy(serving[served]).to(self.read.device)
        alone, after = (self._right(rows, context) for context in (None, serving))
        gained, lost = int((after & ~alone).sum()), int((alone & ~after).sum())
        self.helps = gained - lost > 2 * (gained + lost) ** 0.5
        if not self.helps:
            logging.getLogger('mmocr_siga').warning(
                'the context is not used: of %d characters of its words %d are read right, and %d '
                'after other words of it', len(alone), alone.sum(), after.sum())

    def _right(self, rows: Tensor, serving: Tensor | None) -> Tensor:
        """Which of all characters of the words are read right, each after those before it."""
        decoder, right = self.read.model.decoder, []
        for part in _slices(len(rows)):
            memory = self.words.memory[rows[part]]
            targets = self.targets.targets[rows[part]]
            with self.read.precise():
                if serving is not None:
                    memory = WordsInContext(
                        memory, decoder.context_of(self.words, serving[part]))
                said = decoder.decode(memory, tokens=self.targets.tokens[rows[part]])
            letters = (targets >= 0) & (targets != decoder.dictionary.end_idx)
            right.append((said.logits['word'].argmax(-1) == targets)[letters])
        return torch.cat(right)

    def _nearest(self, features: np.ndarray, digests: Sequence[str | None]
                 ) -> tuple[np.ndarray, np.ndarray]:
        """Rows (N, K) of the most similar words, -1 for none, and the similarity (N,) of the
        first, -inf where there is none."""
        numbers = self.pool.nearest(features, self.shots, digests)
        near = (features * self.pool.encoded.features[numbers[:, 0]]).sum(1)
        return (np.where(numbers < 0, -1, self.rows[numbers]),
                np.where(numbers[:, 0] < 0, -np.inf, near))

    def context_of(self, tokens: Tensor, digests: Sequence[str | None]) -> np.ndarray:
        """Rows (N, K) of the words that come before those whose pictures have the tokens (N, P, D);
        -1 for none, behind all others. The pictures are known by their ``digests``."""
        serving, near = self._nearest(_features(tokens), digests)
        serving[near < self.floor] = -1
        for i, digest in enumerate(digests):
            if digest is not None:
                serving[i] = self.contexts.setdefault(digest, serving[i].copy())
        for digest in list(self.contexts)[:-REMEMBERED]:
            del self.contexts[digest]
        return serving

    def reread(self, encoding: Tensor, samples: Sequence[Any], digests: Sequence[str | None],
               found: list[list[Hypothesis]]) -> list[list[Hypothesis]]:
        """Hypotheses of words, those of words like the pool's read anew after words of it; others
        are the same objects."""
        if not self.helps:
            return found
        serving = self.context_of(encoding, digests)
        rows = np.flatnonzero((serving >= 0).any(1))
        if not len(rows):
            return found
        context = self.read.model.decoder.context_of(
            self.words, torch.from_numpy(serving[rows]).to(encoding.device))
        again = self.read.hypotheses(
            None, WordsInContext(encoding[rows], context), [samples[i] for i in rows],
            max(len(word) for word in found))
        out = list(found)
        for i, word in zip(rows, again):
            out[i] = word
        return out


def _features(tokens: Tensor) -> np.ndarray:
    """(N, P, D) -> (N, D) of unit length."""
    return F.normalize(tokens.float().mean(1), dim=-1).cpu().numpy()


def _slices(count: int) -> list[slice]:
    return [slice(first, first + BATCH) for first in range(0, count, BATCH)]

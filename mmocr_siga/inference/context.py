"""Nearest-neighbor reading: what a pool of labelled words says of the characters of others.

The reader's probabilities are mixed with those of the nearest keys of a memory, as in kNN-MT
(Khandelwal et al., ICLR 2021) and, of the columns of a CTC model, kNN-CTC (Zhou et al., ICASSP
2024). Keys do not depend on what was read before. N words, S places of each, which are steps or
columns, K classes, Q words of the pool, G places of them.
"""
from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ..datasets.formats.records import open_source
from ..images import decode_picture
from ..models.decoders import CTCDecoder
from ..models.decoders.base import WordDecoder
from ..models.encoders import SIGAEncoder
from ..models.layers import selected
from ..models.layers.ctc import ctc_alignment
from ..models.recognizers import InContextRecognizer
from ..structures.encodings import GlyphEncoding
from ..structures.words import Hypothesis
from ..text.label_rule import LabelRule
from .context_pool import ContextPool, EncodedPool

__all__ = ['ContextReader', 'PoolEvidence', 'add_words', 'fingerprint_of', 'places_of', 'pool_of',
           'spelled_by']

SHOTS = 100
KEYS = 8  # nearest keys that vote
SHARPNESS = 20.0  # of their votes, by cosine
# Share of the pool's own characters, of those that are read right by the other words, that are less
# like these than a character must be.
TAIL = 0.1
# Below that share of characters that are so like the pool's a word is of another domain.
ALIKE = 0.75
# How probably a column that is read as a character shows another, that of the label.
MISREAD = 0.1
# Share of the characters that other words of the pool have, too, which these must read right for
# the pool to be believed: that of a wrong table is less.
CONFIRMED = 0.5


class ContextReader(Protocol):
    """What a context asks of a reader: :class:`~mmocr_siga.apis.WordInferencer` is one."""
    model: Any
    device: torch.device
    by_parts: bool

    def taught(self, image: np.ndarray, tokens: Tensor) -> tuple[Any, list, dict[str, Tensor]]:
        ...

    def hypotheses(self, features: Any, encoding: Any, samples: list,
                   nbest: int) -> list[list[Hypothesis]]:
        ...

    def precise(self) -> AbstractContextManager:
        ...


def pool_of(source: Any) -> ContextPool:
    """A pool as given: itself, its .npz, or labelled words as of :func:`labelled_words`, of which
    those that cannot be used are logged."""
    if isinstance(source, ContextPool):
        return source
    if Path(source).suffix == '.npz':
        return ContextPool.load(source)
    pool = ContextPool()
    for name, problem in add_words(pool, source):
        if problem:
            logging.getLogger('mmocr_siga').warning('%s: %s: %s', source, name, problem)
    return pool


def add_words(pool: ContextPool, source: Any,
              rule: Callable[[str], tuple[str, str | None]] | None = None
              ) -> list[tuple[str, str | None]]:
    """Add labelled words; gives the name of each, and why it was not added, or None. ``rule`` is
    that of :func:`spelled_by`."""
    out = []
    for record in open_source(labelled_words(source)):
        problem = record.problem or (rule(record.text)[1] if rule else None)
        if not problem:
            try:
                problem, = pool.add([decode_picture(record.load())], [record.text])
            except (OSError, ValueError) as error:
                problem = str(error)
        out.append((record.name, problem or None))
    return out


def labelled_words(path: Any) -> Path:
    """The table in a folder, ``labels.tsv`` or ``train.tsv``, where there is one."""
    path = Path(path)
    tables = (path / name for name in ('labels.tsv', 'train.tsv'))
    return next((table for table in tables if table.is_file()), path)


def spelled_by(read: ContextReader) -> Callable[[str], tuple[str, str | None]]:
    """What tells how a reader spells a label, and why it cannot, or None.

    Raises:
        ValueError: For a reader that cannot use a context.
    """
    if places_of(read) is None and not learns_in_context(read):
        raise ValueError('a context needs a GlyphRecognizer with an encoder that reads column by '
                         'column, with a CTCDecoder, or step by step, with the glyph features of '
                         'a SIGAEncoder: the packaged readers are such; or an InContextRecognizer')
    decoder = read.model.decoder
    rule = LabelRule(decoder.dictionary, decoder.max_seq_len, unknown='skip')

    def spelled(text: str) -> tuple[str, str | None]:
        label, reason, _ = rule(text)
        unknown = ''.join(sorted(set(label) - rule.characters))
        return label, f'its label has {unknown!r}, which the dictionary lacks' if unknown else (
            reason and f'it {reason}')

    return spelled


def labels_of(read: ContextReader, texts: Sequence[str]) -> list[list[int] | None]:
    """Classes of the characters of labels; None of those that the reader cannot spell."""
    return [None if problem else read.model.decoder.dictionary.str2idx(label)
            for label, problem in map(spelled_by(read), texts)]


def learns_in_context(read: ContextReader) -> bool:
    """Whether a reader takes labelled words as part of its input."""
    return read.by_parts and isinstance(read.model, InContextRecognizer)


def fingerprint_of(model: torch.nn.Module, pipeline: Any) -> str:
    """Of weights, classes and preprocessing: by equal ones labelled pictures have equal keys."""
    dictionary = getattr(model.decoder, 'dictionary', None)
    found = hashlib.blake2b(repr((pipeline, getattr(dictionary, 'dict', None),
                                  getattr(model.decoder, 'max_seq_len', None))).encode(),
                            digest_size=32)
    for name, value in model.state_dict().items():
        found.update(name.encode())
        found.update(value.detach().float().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()


class Keys(NamedTuple):
    """What is looked up, and by what."""
    word: Tensor  # (N, D) of unit length: words that are alike serve each other
    places: Tensor  # (N, S, D') of unit length
    valid: Tensor | None = None  # (N, S) bool, False on padding; None: there is none


class Steps:
    """Places are the steps of a decoder, keys the glyph features of the characters, at both scales.
    """

    @staticmethod
    def keys(read: ContextReader, encoding: GlyphEncoding, samples: Sequence[Any]) -> Keys:
        scales = [F.normalize(encoding.glyph_features[scale].float(), dim=-1)
                  for scale in sorted(encoding.glyph_features)]
        return Keys(_mean(encoding.sequence, encoding.valid),
                    F.normalize(torch.cat(scales, -1), dim=-1))

    @staticmethod
    def silent(decoder: WordDecoder) -> int:
        """The class of places without a character."""
        return decoder.dictionary.end_idx

    @staticmethod
    def taught(decoder: WordDecoder, logits: dict[str, Tensor],
               label: Tensor) -> tuple[Tensor, Tensor]:
        """Classes of the places of a word (S,), and the logits (S, K) that the reader gives them;
        no places where the label does not fit into the word."""
        classes = F.pad(label, (0, 1), value=decoder.dictionary.end_idx)
        return classes, logits['word'][0]

    @staticmethod
    def reading(decoder: WordDecoder, encoding: GlyphEncoding, samples: Sequence[Any],
                found: Sequence[Sequence[Hypothesis]], places: int) -> Tensor:
        """Places (N, S), bool, that characters were read in."""
        lengths = torch.tensor([len(word[0].tokens) for word in found],
                               device=encoding.sequence.device)
        return torch.arange(places, device=lengths.device) < lengths[:, None]


class Columns:
    """Places are the columns of a CTC model, keys what its last layer sees; see :class:`Steps`.
    Those of a labelled word have the classes of its most probable alignment, mostly the blank."""

    @staticmethod
    def keys(read: ContextReader, encoding: Any, samples: Sequence[Any]) -> Keys:
        cache = read.model.decoder.prepare(encoding, samples)
        return Keys(_mean(cache.sequence, cache.valid),
                    F.normalize(cache.sequence.float(), dim=-1), cache.valid)

    @staticmethod
    def silent(decoder: CTCDecoder) -> int:
        return decoder.blank

    @staticmethod
    def taught(decoder: CTCDecoder, logits: dict[str, Tensor],
               label: Tensor) -> tuple[Tensor, Tensor]:
        columns, blank = logits['columns'], decoder.blank
        # Where characters are is known better than which, of glyphs that the reader cannot read.
        some = MISREAD * (1 - columns[..., blank].exp()).clamp(min=1e-6)
        likely = torch.logaddexp(columns, some.log()[..., None])
        likely[..., blank] = columns[..., blank]
        lengths = torch.tensor([len(label)], device=label.device)
        alignment = ctc_alignment(likely, label[None], lengths, blank)[0]
        if not (alignment >= 0).any():
            return label[:0], columns[0, :0]
        # One class more, for no character.
        return F.pad(label, (1, 0), value=blank)[alignment + 1], columns[0]

    @staticmethod
    def reading(decoder: CTCDecoder, encoding: Any, samples: Sequence[Any],
                found: Sequence[Sequence[Hypothesis]], places: int) -> Tensor:
        cache = decoder.prepare(encoding, samples)
        reads = decoder.columns(cache).argmax(-1) != decoder.blank
        return reads if cache.valid is None else reads & cache.valid


def places_of(read: ContextReader) -> type[Steps] | type[Columns] | None:
    """How the characters of a reader's words are looked up; None if they cannot be."""
    if not read.by_parts or not read.model.with_encoder:
        return None
    if isinstance(read.model.decoder, CTCDecoder):
        return Columns
    steps = isinstance(read.model.encoder, SIGAEncoder) and not read.model.decoder.parallel
    return Steps if steps else None


class PoolEvidence:
    """A pool as a reader sees it.

    How much it counts follows from the pool itself, by leaving out one word after the other: the
    odds that the neighbors of a character are right, against the odds that the reader is.
    Characters that are less like the pool's than those are like each other get nothing from it, and
    words with more than a few such characters stay as they were read.

    Args:
        read: The reader, one of those that :func:`places_of` knows.
        shots: Most words that serve a query, the nearest by the encoder's features.

    Raises:
        ValueError: For a reader of another kind.
    """

    def __init__(self, read: ContextReader, pool: ContextPool, shots: int | None,
                 fingerprint: str) -> None:
        self.read, self.pool, self.shots = read, pool, shots or SHOTS
        labels = labels_of(read, pool.texts)
        self.places, self.classes = places_of(read), read.model.decoder.num_classes
        if pool.encoded is None or pool.encoded.fingerprint != fingerprint:
            pool.encoded = self._encoded(labels, fingerprint)
        found, device = pool.encoded, read.device
        self.keys = torch.from_numpy(found.keys).to(device)
        # A file may hold anything.
        self.labels = torch.from_numpy(found.labels).long().clamp(
            0, self.classes - 1).to(device)
        # The number of its picture, equal ones having the same, and of its word.
        numbers = {digest: i for i, digest in enumerate(dict.fromkeys(pool.digests()))}
        pictures = torch.tensor([numbers[digest] for digest in pool.digests()], dtype=torch.long)
        self.words = torch.arange(len(pool)).repeat_interleave(torch.from_numpy(found.counts))
        self.weight, self.floor = self._calibrated(
            pictures[self.words].to(device), torch.from_numpy(found.known).to(device))

    def _calibrated(self, pictures: Tensor, known: Tensor) -> tuple[float, float]:
        """Weight of the neighbors, and the similarity from where on they count."""
        right, nearest = [], []
        letters = torch.nonzero(self.labels != self.places.silent(self.read.model.decoder))[:, 0]
        for rows in letters.split(1024) if len(letters) else ():
            similar = self.keys[rows] @ self.keys.T
            similar = similar.masked_fill(pictures[rows][:, None] == pictures, -torch.inf)
            near = similar.amax(1)
            right.append((self._votes(similar).argmax(-1) == self.labels[rows])
                         & (near > -torch.inf))
            nearest.append(near)
        right = torch.cat(right) if right else known[:0]
        # Those that others could read: of a single word, none.
        words = torch.stack([self.labels[letters], pictures[letters]], 1).unique(dim=0)[:, 0]
        elsewhere = torch.bincount(words, minlength=self.classes)[self.labels[letters]] > 1
        if not right.any() or right.sum() < CONFIRMED * elsewhere.sum():
            return 0.0, torch.inf
        odds = [(n + 1) / (len(letters) - n + 1)
                for n in (int(right.sum()), int(known[letters].sum()))]
        floor = np.quantile(torch.cat(nearest)[right].cpu().numpy(), TAIL)
        return odds[0] / sum(odds), float(floor)

    def _votes(self, similar: Tensor) -> Tensor:
        """Similarities (..., G) to probabilities (..., K); 0 where no key may vote."""
        best, keys = similar.topk(min(KEYS, similar.shape[-1]), -1)
        shares = torch.where(best > -torch.inf, (SHARPNESS * (best - best[..., :1])).exp(), 0.0)
        shares = shares / shares.sum(-1, keepdim=True).clamp(min=1e-12)
        votes = similar.new_zeros(*similar.shape[:-1], self.classes)
        return votes.scatter_add(-1, self.labels[keys], shares)

    def of(self, encoding: Any, samples: Sequence[Any],
           digests: Sequence[str | None]) -> tuple[Tensor, Tensor]:
        """Probabilities (N, S, K) of characters by their neighbors, and the weight (N, S) of each
        place."""
        keys = self.places.keys(self.read, encoding, samples)
        serving = self.pool.nearest(keys.word.cpu().numpy(), self.shots, digests)
        serves = np.zeros((len(serving), len(self.pool) + 1), bool)  # the last one is for -1
        np.put_along_axis(serves, serving, True, 1)
        serves = torch.from_numpy(serves)[:, self.words].to(keys.places.device)
        similar = (keys.places @ self.keys.T).masked_fill(~serves[:, None], -torch.inf)
        counts = similar.amax(-1) >= self.floor
        if keys.valid is not None:
            counts = counts & keys.valid
        return self._votes(similar), self.weight * counts

    def reread(self, encoding: Any, samples: Sequence[Any], digests: Sequence[str | None],
               found: list[list[Hypothesis]]) -> list[list[Hypothesis]]:
        """Hypotheses of words, those of words like the pool's searched anew with its evidence;
        others are the same objects."""
        if not len(self.labels) or not self.weight:
            return found
        decoder = self.read.model.decoder
        votes, weight = self.of(encoding, samples, digests)
        reading = self.places.reading(decoder, encoding, samples, found, weight.shape[1])
        share = ((weight > 0) & reading).sum(1) / reading.sum(1).clamp(min=1)
        rows = torch.nonzero(share >= ALIKE).flatten()
        if not len(rows):
            return found
        searched = decoder.search(
            selected(encoding, rows), max(len(word) for word in found),
            data_samples=[samples[i] for i in rows.tolist()],
            evidence=(votes[rows], weight[rows]))
        out = list(found)
        for i, hypotheses in zip(rows.tolist(), searched):
            out[i] = hypotheses or found[i]
        return out

    @torch.no_grad()
    def _encoded(self, labels: Sequence[list[int] | None], fingerprint: str) -> EncodedPool:
        """One after the other, as they are few and need not be of one size."""
        read, decoder = self.read, self.read.model.decoder
        features, keys, classes, known, counts = [], [], [], [], []
        for i, label in enumerate(labels):
            if label is None:
                counts.append(0)
                continue
            label = torch.tensor(label, dtype=torch.long, device=read.device)
            encoding, samples, logits = read.taught(
                self.pool.picture(i), F.pad(label, (1, 0), value=decoder.num_classes))
            found = self.places.keys(read, encoding, samples)
            places, said = self.places.taught(decoder, logits, label)
            features.append(found.word[0].cpu().numpy())
            counts.append(len(places))
            keys.extend(found.places[0, :len(places)].cpu().numpy())
            classes.extend(places.tolist())
            known.extend((said.argmax(-1) == places).tolist())
        of_words = np.zeros((len(labels), *_rows(features).shape[1:]), np.float32)
        of_words[[label is not None for label in labels]] = _rows(features)
        return EncodedPool(fingerprint, np.array(counts, np.int32), of_words, _rows(keys),
                           np.array(classes, np.int32), np.array(known, bool))


def _mean(columns: Tensor, valid: Tensor | None) -> Tensor:
    """Of the columns (N, w, D) that are no padding, (N, D) of unit length."""
    shown = columns.float() if valid is None else columns.float() * valid[..., None]
    return F.normalize(shown.sum(1), dim=-1)


def _rows(vectors: list[np.ndarray]) -> np.ndarray:
    return np.stack(vectors) if vectors else np.zeros((0, 0), np.float32)

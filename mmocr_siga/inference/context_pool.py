"""Labelled words of a user's own that a reader looks characters up in: :class:`ContextPool`."""
from __future__ import annotations

import hashlib
import io
import math
import os
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..compat.saving import whole_file
from ..images import open_file, to_bgr_uint8
from ..text.files import nfc, text_problem
from .inputs import reason_of

__all__ = ['ContextPool', 'EncodedPool', 'picture_digest', 'stored_picture']

FORMAT = 'mmocr_siga.context.1'
MAX_WORDS = 10_000
MAX_TEXT = 100  # characters of a word
MAX_PLACES = 10 ** 6  # of all words: steps or columns
MAX_KEYS = 2 ** 28  # numbers in the keys of these
HEIGHT, WIDTH = 32, 128
_MAX_CHANNELS = 4096
_HINT = 'make it by python -m mmocr_siga context add'


class EncodedPool(NamedTuple):
    """What a reader makes of a pool of Q words: the places of each word, which are characters,
    columns or, for an in-context reader, tokens of its picture, G in all."""
    fingerprint: str  # of the reader
    counts: np.ndarray  # (Q,) int32 places; 0: the reader's dictionary cannot spell the word
    features: np.ndarray  # (Q, D) float32 of unit length
    keys: np.ndarray  # (G, D') float32 of unit length; tokens as they are
    labels: np.ndarray  # (G,) int32 classes; tokens have none, 0
    known: np.ndarray  # (G,) bool: whether the reader reads the place right by itself


# Kinds and axes of the file's members.
_MEMBERS = dict(format=('U', 0), images=('u1', 4), sizes=('i4', 2), texts=('U', 1))
_ENCODED = dict(fingerprint=('U', 0), counts=('i4', 1), features=('f4', 2), keys=('f4', 2),
                labels=('i4', 1), known=('b1', 1))


class ContextPool:
    """Labelled words of a domain: serial numbers, plates, a face of one's own.

    Pictures are kept as uint8 BGR of 32 x 128, 12 kB each, with the sizes that they had. What a
    reader makes of them (:class:`EncodedPool`) is kept beside them, and made anew for another.

    Attributes:
        images: (Q, 32, 128, 3) uint8 BGR.
        sizes: (Q, 2) int32 width and height as given.
        texts: Labels, in NFC.
        encoded: By the reader that took the pool last; None if none did since it changed.
    """

    def __init__(self) -> None:
        self.images = np.zeros((0, HEIGHT, WIDTH, 3), np.uint8)
        self.sizes = np.zeros((0, 2), np.int32)
        self.texts: list[str] = []
        self.encoded: EncodedPool | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def add(self, images: Iterable[np.ndarray], texts: Iterable[str]) -> list[str | None]:
        """Add pictures (arrays as OpenCV gives them) with their labels.

        Returns:
            For each word why it was not added, or None.
        """
        known = set(zip(self.digests(), self.texts))
        problems, kept = [], []
        for image, text in zip(images, texts):
            problem, entry = self._entry(image, text, known, len(self) + len(kept))
            problems.append(problem)
            if problem is None:
                kept.append(entry)
        if kept:
            pictures, sizes, labels = zip(*kept)
            self.images = np.concatenate([self.images, pictures])
            self.sizes = np.concatenate([self.sizes, np.array(sizes, np.int32)])
            self.texts = [*self.texts, *labels]
            self.encoded = None
        return problems

    @staticmethod
    def _entry(image: Any, text: Any, known: set, count: int) -> tuple[str | None, tuple]:
        """Why a word is refused, or None; and what is kept of it."""
        problem = text_problem(text) if isinstance(text, str) else 'is no text'
        if problem or not 0 < len(text) <= MAX_TEXT:
            return f'its label {problem or f"must have 1 to {MAX_TEXT} characters"}', ()
        if count >= MAX_WORDS:
            return f'the pool is full: it holds {MAX_WORDS:,} words', ()
        try:
            image = to_bgr_uint8(image)
        except ValueError as error:
            return reason_of(error), ()
        picture, text = stored_picture(image), nfc(text)
        key = _digest(picture), text
        if key in known:
            return 'the pool holds it already', ()
        known.add(key)
        return None, (picture, image.shape[1::-1], text)

    def remove(self, numbers: Sequence[int]) -> list[str]:
        """Remove words by their numbers, from 0; gives their labels. An IndexError, and nothing is
        removed, where there is no such word."""
        wrong = [number for number in numbers if not 0 <= number < len(self)]
        if wrong:
            raise IndexError(f'there is no word {wrong[0]}: the pool holds {len(self):,}')
        left = [i for i in range(len(self)) if i not in set(numbers)]
        removed = [self.texts[i] for i in sorted(set(numbers))]
        self.images, self.sizes = self.images[left], self.sizes[left]
        self.texts = [self.texts[i] for i in left]
        if removed:
            self.encoded = None
        return removed

    def digests(self) -> list[str]:
        """By which equal pictures are told, see :func:`picture_digest`."""
        return [_digest(picture) for picture in self.images]

    def picture(self, number: int) -> np.ndarray:
        """A picture in the proportions that it had, at least 32 high and 128 wide."""
        width, height = (int(side) for side in self.sizes[number])
        scale = max(HEIGHT / height, WIDTH / width)
        size = [min(8 * WIDTH, max(1, round(scale * side))) for side in (width, height)]
        return cv2.resize(self.images[number], size, interpolation=cv2.INTER_LINEAR)

    def nearest(self, features: np.ndarray, k: int,
                digests: Sequence[str | None] | None = None) -> np.ndarray:
        """The words most like each query, by cosine.

        Args:
            features: (N, D) of the queries, from the reader of :attr:`encoded`.
            digests: Of the queries' pictures: equal ones never serve each other.

        Returns:
            (N, min(k, Q)) numbers, the most similar first, of equals the first; -1 where fewer
            words may serve.

        Raises:
            ValueError: If no reader has taken the pool since it changed.
        """
        if self.encoded is None:
            raise ValueError('no reader has taken this pool: give it to WordInferencer(context=)')
        features = np.asarray(features, np.float32)
        lengths = np.linalg.norm(features, axis=1, keepdims=True)
        similar = features / np.maximum(lengths, 1e-12) @ self.encoded.features.T
        barred = np.broadcast_to(self.encoded.counts == 0, similar.shape)
        if digests is not None:
            barred = barred | (np.array(list(digests), object)[:, None] ==
                               np.array(self.digests(), object)[None])
        similar = np.where(barred, -np.inf, similar)
        order = np.argsort(-similar, axis=1, kind='stable')[:, :k]
        return np.where(np.take_along_axis(similar, order, 1) == -np.inf, -1, order)

    def save(self, path: str | os.PathLike) -> None:
        """Write an .npz of plain arrays; a file that is there is replaced when all is written."""
        with whole_file(path, 'wb') as file:
            file.write(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the file that :meth:`save` writes."""
        members = dict(format=np.array(FORMAT), images=self.images, sizes=self.sizes,
                       texts=np.array(self.texts, 'U' if self.texts else 'U1'))
        if self.encoded is not None and self.encoded.keys.size <= MAX_KEYS and (
                len(self.encoded.keys) <= MAX_PLACES):
            members.update((name, np.asarray(value))
                           for name, value in self.encoded._asdict().items())
        content = io.BytesIO()
        np.savez(content, **members)
        return content.getvalue()

    @classmethod
    def load(cls, path: str | os.PathLike, most: int = MAX_WORDS,
             encoded: bool = True) -> ContextPool:
        """Read a pool; nothing in the file is executed, and no more is unpacked than it may hold.

        Args:
            most: Words that it may hold.
            encoded: Whether to read :attr:`encoded`, too, which a file may have made up.

        Raises:
            OSError: If there is no such file.
            ValueError: If it is no pool, or damaged; says why.
        """
        with open_file(path) as file:
            try:
                members = _members(file, most, encoded)
                return cls._of(members)
            except (ValueError, KeyError, EOFError, MemoryError, OverflowError, zipfile.BadZipFile,
                    zlib.error, NotImplementedError, RuntimeError, OSError) as error:
                raise ValueError(f'{os.fspath(path)} is no pool of context words, or damaged '
                                 f'({reason_of(error)}): {_HINT}') from None

    @classmethod
    def _of(cls, members: dict[str, np.ndarray]) -> ContextPool:
        pool = cls()
        pool.images, pool.sizes = members['images'], members['sizes']
        pool.texts = [str(text) for text in members['texts']]
        count = len(pool.texts)
        if pool.images.shape != (count, HEIGHT, WIDTH, 3) or pool.sizes.shape != (count, 2):
            raise ValueError('its members do not belong together')
        if count > MAX_WORDS or (pool.sizes < 1).any() or not all(
                0 < len(text) <= MAX_TEXT and not text_problem(text) for text in pool.texts):
            raise ValueError('it holds too many words, sizes below 1 or labels that are no text')
        if 'fingerprint' in members:
            encoded = EncodedPool(*(members[name] for name in EncodedPool._fields))
            encoded = encoded._replace(fingerprint=str(encoded.fingerprint))
            places = int(encoded.counts.astype(np.int64).sum())
            if (encoded.counts.shape != (count, ) or (encoded.counts < 0).any()
                    or len(encoded.features) != count
                    or not len(encoded.keys) == len(encoded.labels) == len(encoded.known) == places
                    or not np.isfinite(encoded.features).all()
                    or not np.isfinite(encoded.keys).all()):
                raise ValueError('its features do not belong to its words')
            pool.encoded = encoded
        return pool


def _members(file: Any, most: int, encoded: bool) -> dict[str, np.ndarray]:
    """The arrays of a file whose headers say what a pool's do."""
    with zipfile.ZipFile(file) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        names = [name.removesuffix('.npy') for name in infos]
        if len(infos) != len(archive.infolist()) or sorted(names) not in (
                sorted(_MEMBERS), sorted({**_MEMBERS, **_ENCODED})):
            raise ValueError('it lacks members, or has others')
        if not encoded:
            names = list(_MEMBERS)
        return {name: _array(archive, infos[f'{name}.npy'], most,
                             *{**_MEMBERS, **_ENCODED}[name])
                for name in ('format', *(name for name in names if name != 'format'))}


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int, kind: str,
           axes: int) -> np.ndarray:
    """A member whose header was checked before anything is set aside for it."""
    name = info.filename.removesuffix('.npy')
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        if version != (1, 0):
            raise ValueError(f'{name} has a header of another version')
        shape, _, dtype = np.lib.format.read_array_header_1_0(member)
        start = member.tell()
    fits = dtype.kind == 'U' if kind == 'U' else dtype == np.dtype(kind)
    limits = dict(images=most * HEIGHT * WIDTH * 3, keys=MAX_KEYS, labels=MAX_PLACES,
                  known=MAX_PLACES, features=_MAX_CHANNELS * most).get(name, 2 * most)
    size = math.prod(shape)
    if not fits or len(shape) != axes or size > limits or dtype.itemsize > 4 * 2 * MAX_TEXT or (
            info.file_size != start + size * dtype.itemsize):
        raise ValueError(f'{name} has another kind, shape or size')
    with archive.open(info) as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
    if name == 'format' and str(array) != FORMAT:
        raise ValueError(f'its format is {str(array)[:50]!r}, not {FORMAT!r}')
    return array


def stored_picture(image: np.ndarray) -> np.ndarray:
    """A picture, uint8 BGR (H, W, 3), as a pool keeps it."""
    return cv2.resize(image, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)


def picture_digest(image: np.ndarray) -> str:
    """By which a pool knows its own pictures: equal for pictures that it would keep as equal."""
    return _digest(stored_picture(image))


def _digest(picture: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()

"""Rows of words that have to do with each other, drawn while training."""
from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable

import numpy as np
from mmocr.models.common import Dictionary
from mmocr.registry import DATASETS

from .rendered_dataset import RenderedTextDataset, UsableWords
from .transforms.functional import affine_matrix, color_jitter, fit_canvas, warp
from .transforms.split_word import SplitWord, WordPiece

if TYPE_CHECKING:
    from ..rendering import RenderedWord, RenderStyle, WordRenderer

# Shares of the kinds of groups: a start, not tuned.
MIX = dict(style=0.4, face=0.2, st=0.2, alphabet=0.1, plain=0.1)
_LENGTHS = (2, 8)  # of words in an invented script
_COPIES = (2, 0.3)  # least number, and largest share, of copies in a group of the kind 'st'
_TRIES = 20


@DATASETS.register_module()
class RenderedGroupDataset(RenderedTextDataset):
    """Groups of ``group_size`` consecutive words that have to do with each other (E2STR).

    What in-context reading is trained on, with :class:`.GroupSampler`. A group depends on ``seed``,
    the rank, how often it was drawn before, and its number. Its kind is drawn by ``mix``:

    - ``style``: different words in one style, see ``WordRenderer.render_group``;
    - ``face``: one face, everything else of each word's own;
    - ``st``, split and transform: words, pieces of them (:class:`.SplitWord`) and copies, pieces
      and copies with other colors and rotated, all in random order;
    - ``alphabet`` (ours): an invented script, a random 5 x 7 dot pattern for each of a few
      characters, drawn anew for each group, in one style: only the other words of the group tell
      what a glyph means;
    - ``plain``: words that have nothing to do with each other.

    A word's information is that of :class:`.RenderedWordDataset` with ``group_kind``. Where the
    pipeline returns None for a word, another one of its group takes its place.

    Args:
        length: Number of words in an epoch, a multiple of ``group_size``.
        mix: Share of each kind; those that are left out are not drawn. None for :data:`MIX`.
        letters: Least and greatest number of characters of an invented script.
        preset, difficulty, fonts, options: Recipe, style, fonts and further arguments of
            :func:`~mmocr_siga.rendering.build_renderer`, which may fail.
        dictionary, max_seq_len, letter_case: See :class:`.RenderedTextDataset`.
        lazy_init: Whether to search faces and words only when they are needed.
    """

    kind = 'words'

    def __init__(self, length: int = 1_000_000, preset: str = 'mj_st_like',
                 difficulty: str | RenderStyle | None = None, *, group_size: int = 16,
                 mix: dict[str, float] | None = None, letters: tuple[int, int] = (6, 14),
                 fonts: str | Sequence[str] | None = None, seed: int = 0,
                 dictionary: dict | Dictionary | None = None, max_seq_len: int = 25,
                 letter_case: str = 'auto', pipeline: Sequence[dict | Callable] | None = None,
                 metainfo: dict | None = None, lazy_init: bool = False, **options: Any) -> None:
        mix = dict(MIX if mix is None else mix)
        unknown = sorted(set(mix) - set(MIX))
        if unknown or not mix or min(mix.values()) < 0 or not sum(mix.values()) > 0:
            raise ValueError(f'mix has shares of {sorted(MIX)}, at least 0 and not all 0, but is '
                             f'{mix}')
        if group_size < 1 or length % group_size:
            raise ValueError(f'length must be a multiple of group_size, but they are {length} and '
                             f'{group_size}')
        if not 2 <= letters[0] <= letters[1]:
            raise ValueError('letters must be two numbers of at least 2, in order, but is '
                             f'{letters}')
        self.group_size, self.mix, self.letters = group_size, mix, tuple(letters)
        self.split = SplitWord()
        # The group that was drawn last, whose words are asked for one after another.
        self._last: tuple[tuple[int, int], list[dict]] | None = None
        super().__init__(dictionary, max_seq_len, letter_case, length, preset, difficulty, fonts,
                         seed, pipeline, metainfo, lazy_init, options)

    def _renderer(self, words: WordRenderer) -> WordRenderer:
        words.words = UsableWords(words.words, self.label)
        return words

    def _info(self, idx: int, visit: int) -> dict:
        group, place = divmod(idx, self.group_size)
        if self._last is None or self._last[0] != (group, visit):
            self._last = (group, visit), self._group(group, visit)
        info = dict(self._last[1][place])
        info.update(img=info['img'].copy(), instances=[dict(info['instances'][0])], sample_idx=idx)
        return info

    def __getitem__(self, idx: int) -> Any:
        data = self.pipeline(self.get_data_info(idx))
        group, place = divmod(int(idx) % self.length, self.group_size)
        for step in range(1, self.group_size if data is None else 0):
            # Counters stay as they are, so that the group stays one.
            other = group * self.group_size + (place + step) % self.group_size
            data = self.pipeline(self._info(other, self._last[0][1]))
            if data is not None:
                break
        if data is None:
            raise RuntimeError(f'the pipeline returned None for all words of group {group}')
        return data

    def _group(self, group: int, visit: int) -> list[dict]:
        rng = np.random.default_rng([self.seed, self.rank, visit, group, 0])
        shares = np.array(list(self.mix.values())) / sum(self.mix.values())
        kind = list(self.mix)[int(rng.choice(len(shares), p=shares))]
        draw = getattr(self, f'_{kind}')
        for attempt in range(_TRIES):
            try:
                words = draw(rng, (self.seed, self.rank, visit, group, attempt + 1))
            except ValueError as error:  # a face that writes few of the words
                problem = str(error)
                continue
            labels, refused = zip(*(self.label(word.text) for word in words))
            problem = next((why for why in refused if why is not None), None)
            if problem is None:
                break
        else:
            raise RuntimeError(f'none of {_TRIES} groups of the kind {kind!r} in a row can be '
                               f'used; of the last one: {problem}; check charset, dictionary, '
                               'fonts and max_length')
        return [self._word_info(word, label, f'rendered {kind} word {place} of group {group} of '
                                f'round {visit}', kind)
                for place, (word, label) in enumerate(zip(words, labels))]

    @staticmethod
    def _word_info(word: RenderedWord | WordPiece, label: str, name: str, kind: str) -> dict:
        shape = word.image.shape[:2]
        info = dict(img=word.image, img_path=name, img_shape=shape, ori_shape=shape,
                    instances=[dict(text=label)], group_kind=kind)
        return info if label == word.text else dict(info, ori_text=word.text)

    def _plain(self, rng: np.random.Generator, key: tuple[int, ...]) -> list[RenderedWord]:
        return [self.renderer.render((*key, place)) for place in range(self.group_size)]

    def _face(self, rng: np.random.Generator, key: tuple[int, ...]) -> list[RenderedWord]:
        from ..rendering import FontLibrary
        text = self.renderer.words.draw(rng)
        face = self.renderer.fonts.draw(rng, text)
        fonts = FontLibrary([face], sorted(face.characters))
        renderer = _changed(self.renderer, fonts=fonts)
        return [renderer.render((*key, place)) for place in range(self.group_size)]

    def _style(self, rng: np.random.Generator, key: tuple[int, ...]) -> list[RenderedWord]:
        group = self.renderer.render_group(key, self.group_size, layout='natural')
        return [group.word(place) for place in range(self.group_size)]

    def _alphabet(self, rng: np.random.Generator, key: tuple[int, ...]) -> list[RenderedWord]:
        from ..rendering.fonts import FontLibrary, invented_face
        from ..rendering.words import RandomSource
        known = self.renderer.words.charset if self.rule is None else self.rule.characters
        known = sorted(c for c in known if not c.isspace() and self.label(c) == (c, None))
        count = int(rng.integers(*self.letters, endpoint=True))
        letters = [known[int(k)] for k in rng.permutation(len(known))[:count]]
        longest = _LENGTHS[1] if self.rule is None else min(_LENGTHS[1], self.rule.max_seq_len)
        words = RandomSource(letters, longest, min(_LENGTHS[0], longest))
        face = invented_face(letters, rng)
        renderer = _changed(
            self.renderer, words=words, fonts=FontLibrary([face], letters),
            style=replace(self.renderer.style, dotted=0.0))  # dots are its shape already
        group = renderer.render_group(key, self.group_size, layout='natural')
        return [group.word(place) for place in range(self.group_size)]

    def _st(self, rng: np.random.Generator, key: tuple[int, ...]) -> list[WordPiece]:
        copies = int(rng.integers(_COPIES[0], max(_COPIES[0], int(_COPIES[1] * self.group_size)),
                                  endpoint=True))
        count = max((self.group_size - copies + 1) // 2, 1)
        drawn = [self.renderer.render((*key, place)) for place in range(count)]
        pieces = [piece for word in drawn
                  for piece in self.split.pieces(rng, word.image, word.text, word.boxes)
                  if self.label(piece.text)[1] is None]
        words = [WordPiece(word.image, word.text) for word in drawn]
        chosen = rng.permutation(len(pieces))[:max(self.group_size - count - copies, 0)]
        parts = [pieces[int(k)] for k in chosen]
        # Words that cannot be split leave room for more copies.
        missing = self.group_size - count - len(parts)
        parts += [words[int(k)] for k in rng.integers(count, size=missing)]
        words += [WordPiece(restyled(rng, part.image), part.text) for part in parts]
        return [words[int(k)] for k in rng.permutation(self.group_size)]


def restyled(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """A picture, uint8 BGR (H, W, 3), with other colors, rotated by up to 30 degrees on a canvas
    that holds it."""
    factors = 1 + 0.5 * rng.uniform(-1, 1, 3)
    image = color_jitter(image, *factors.tolist(), hue=float(rng.uniform(-0.5, 0.5)))
    return warp(image, *fit_canvas(affine_matrix(float(rng.uniform(-30, 30))),
                                   *image.shape[1::-1]))


def _changed(renderer: WordRenderer, **changes: Any) -> WordRenderer:
    twin = copy.copy(renderer)
    vars(twin).update(changes)
    return twin

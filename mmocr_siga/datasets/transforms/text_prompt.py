"""Which words of a scene are asked for."""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from mmocr.models.common import Dictionary
from mmocr.registry import TASK_UTILS, TRANSFORMS

from ...text.dictionary import dictionary_characters, known_form
from .base import WordTransform, check_arguments

DECOYS = ('shift', 'lexicon')
DICTIONARY = dict(type='WordDictionary', dict_file='94')
_TRIES = 10


@TRANSFORMS.register_module()
class TextPrompt(WordTransform):
    """Choose the words of a scene that are to be drawn: the Text-Controller of ODM (CVPR 2024).

    With probability ``prob`` some words are dropped from prompt and drawing; with the same
    probability, independently, the prompt gets decoys, words that the picture does not have.
    (The reference's code drops or adds, with probabilities of one half; its figure does both.)
    Words that say the same are dropped together. Words with characters that the dictionary lacks
    are ignored and counted: nothing can ask for them. Place it behind the geometry.

    Adds ``prompt_texts``, ``prompt_words``, for each the instance it stands for, -1 for a decoy,
    ``gt_dropped``, bool for each instance, and ``words_left_out``, their number; changes
    ``gt_ignored``.

    Args:
        drop: Least and greatest share of the words that are dropped, at least one word; None: none.
        noise: Least and greatest number of decoys as a share of the words, rounded; None: none.
        decoys: ``'shift'``, a word of the picture with each character replaced by the next one of
            the dictionary, the last one by the first; ``'lexicon'``, another word of its length.
            They come in the place of dropped words, too: a prompt may be of decoys alone.
        lexicon: File with a word a line; the words that come with the renderer without.
        max_words: Most texts of a prompt; of a scene with more, others are dropped at random.
        dictionary: That of the text encoder, or its config.
    """

    def __init__(self, drop: tuple[float, float] | None = (0.1, 0.3),
                 noise: tuple[float, float] | None = (0.1, 0.3), prob: float = 0.5,
                 decoys: str = 'shift', lexicon: str | None = None, max_words: int = 32,
                 dictionary: dict | Dictionary = DICTIONARY) -> None:
        for name, value in (('drop', drop), ('noise', noise)):
            check_arguments((name, value, value is None or 0 <= value[0] <= value[1] <= 1,
                             'be None or two shares in order within [0, 1]'))
        check_arguments(('prob', prob, 0 <= prob <= 1, 'lie in [0, 1]'),
                        ('decoys', decoys, decoys in DECOYS, f'be one of {DECOYS}'),
                        ('max_words', max_words, max_words >= 1, 'be positive'))
        if isinstance(dictionary, dict):
            dictionary = TASK_UTILS.build(dictionary)
        self.drop, self.noise, self.prob = drop, noise, prob
        self.decoys, self.lexicon, self.max_words = decoys, lexicon, max_words
        known = dictionary_characters(dictionary)
        self.characters = ''.join(char for char in dictionary.dict if char in known)
        self._by_length = self._read_lexicon() if decoys == 'lexicon' else {}

    def _read_lexicon(self) -> dict[int, list[str]]:
        from ...rendering.words import COMMON_WORDS, read_lexicon  # with fonts
        words = (COMMON_WORDS if self.lexicon is None else
                 read_lexicon(self.lexicon, self.characters))
        by_length = defaultdict(list)
        for word in words:
            by_length[len(word)].append(word)
        return dict(by_length)

    def transform(self, results: dict) -> dict:
        known = set(self.characters)
        texts = [known_form(text, known) if isinstance(text, str) else ''
                 for text in results['gt_texts']]
        ignored = np.array(results['gt_ignored'], bool)
        unknown = ~ignored & np.array([not text or not known.issuperset(text) for text in texts],
                                      bool)
        words = np.flatnonzero(~ignored & ~unknown)
        kept = self._kept(words, texts)
        dropped = np.zeros(len(texts), bool)
        dropped[np.setdiff1d(words, kept)] = True
        decoys = self._decoys(words, self.max_words - len(kept), texts)
        results.update(
            prompt_texts=[texts[i] for i in kept] + decoys,
            prompt_words=[int(i) for i in kept] + [-1] * len(decoys),
            gt_dropped=dropped, gt_ignored=ignored | unknown,
            words_left_out=results.get('words_left_out', 0) + int(unknown.sum()))
        return results

    def _kept(self, words: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """Instances that the prompt asks for, in their order."""
        kept = words
        if len(kept) > self.max_words:
            kept = np.sort(np.random.permutation(kept)[:self.max_words])
        if len(kept) and self.drop is not None and np.random.rand() < self.prob:
            count = max(1, round(len(words) * np.random.uniform(*self.drop)))
            gone = {texts[i] for i in np.random.permutation(kept)[:count]}
        else:
            gone = set()
        # A word that stays cannot be told from one that is dropped and says the same.
        gone |= {texts[i] for i in np.setdiff1d(words, kept)}
        return np.array([i for i in kept if texts[i] not in gone], int)

    def _decoys(self, words: np.ndarray, most: int, texts: Sequence[str]) -> list[str]:
        if self.noise is None or not len(words) or np.random.rand() >= self.prob:
            return []
        wanted = min(round(len(words) * np.random.uniform(*self.noise)), most)
        found: list[str] = []
        for _ in range(_TRIES * wanted):
            if len(found) < wanted:
                decoy = self.decoy(texts[np.random.choice(words)])
                if decoy not in texts and decoy not in found:
                    found.append(decoy)
        return found

    def decoy(self, text: str) -> str:
        """Another text in the place of one, drawn as ``decoys`` says; of a length that the lexicon
        has not, shifted."""
        others = self._by_length.get(len(text))
        if others:
            word = others[np.random.randint(len(others))]
            cased = (word.upper() if text.isupper() else
                     word.capitalize() if text[:1].isupper() else word)
            return cased if set(cased) <= set(self.characters) else word
        following = dict(zip(self.characters, self.characters[1:] + self.characters[:1]))
        return ''.join(following[char] for char in text)

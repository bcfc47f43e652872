"""A small language model that reads words, and learns a domain from labelled words before them.

N words to be read, each after K words of context, or B rows of S words; T positions of a word, L of
a context, P tokens of a picture, K classes in logits, D channels, G heads of d channels.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ...structures.words import IGNORE_INDEX, WordOutputs, WordTargets
from ..layers import (
    CausalLayer,
    GatedCrossAttention,
    Past,
    fed_words,
    findable,
    visible_before,
    visible_others,
)
from ..layers.targets import to_device
from ..layers.word_rows import CONTEXTS
from .base import Samples, WordDecoder, memory_of

POSITIONS = ('word', 'row')


class Context(NamedTuple):
    """What a decoder keeps of labelled words, for N words that are read after K of them."""

    past: tuple[tuple[Tensor, Tensor], ...]  # keys and values (N, G, L, d) of each layer
    there: Tensor  # (N, L) bool, False for padding
    pictures: tuple[Tensor, ...]  # (N, K, 2, G, P, d) of each layer; empty where only own are seen
    words: Tensor  # (N, K) bool, False for padding


class WordsInContext(NamedTuple):
    """A memory: tokens (N, P, D) of the pictures, and their context."""

    tokens: Tensor
    context: Context


class Remembered(NamedTuple):
    """Q labelled words, any of which may be context."""

    memory: Tensor  # (Q, P, D)
    tokens: Tensor  # (Q, T)
    there: Tensor  # (Q, T) bool
    past: tuple[tuple[Tensor, Tensor], ...]  # (Q, G, T, d) of each layer where words stand alone
    pictures: tuple[Tensor, ...]  # (Q, 2, G, P, d) of each layer, there and where all are seen

    @staticmethod
    def joined(parts: Sequence[Remembered]) -> Remembered:
        """Words with the same T that were remembered one part after the other."""
        memory, tokens, there, past, pictures = zip(*parts)
        return Remembered(
            torch.cat(memory), torch.cat(tokens), torch.cat(there),
            tuple(tuple(map(torch.cat, zip(*layer))) for layer in zip(*past)),
            tuple(map(torch.cat, zip(*pictures))))


class RowReading(NamedTuple):
    """What was made of N words of rows, and what should have been."""

    logits: Tensor  # (N, T, K)
    targets: Tensor  # (N, T)
    findable: Tensor  # (N, T) bool, which targets are among the tokens that their positions see


class InContextCache(NamedTuple):
    pictures: tuple[Tensor, ...]  # (N, J, 2, G, P, d) of each layer, the word's own the last
    seen: Tensor | None  # (N, 1, J) bool which of them are there; None: all
    context: Context | None
    offset: Tensor  # (N,) position of the word's start


@MODELS.register_module()
class InContextDecoder(WordDecoder):
    """GPT of a dictionary's characters that looks at pictures, and reads words in rows (E2STR, CVPR
    2024, arXiv 2311.13120).

    A row is <image>TEXT<end><image>TEXT<end>...; <image> is the decoder's start token, a character
    one token. Before each layer of the language model there is a :class:`GatedCrossAttention`. In
    training on rows a word sees the pictures and texts before it, and so learns to look a glyph up
    that only they tell the meaning of. A plain reading is that of a row of one word.

    Args:
        in_channels: Channels of the memory, (N, P, D) as of an :class:`ImageTokenEncoder`; None:
            ``channels``.
        channels, num_layers, num_heads, inner_channels, dropout: Of the language model.
        cross_heads, cross_channels: Heads of the cross-attention, and channels of each.
        gate_init, sees: See :class:`GatedCrossAttention`. Gates from 0 are for a language model
            that was trained before.
        smear: See :class:`CausalLayer`. The paper does without.
        positions: 'word' counts them within each word, so that any number of words may come before
            it; 'row' from the row's start, as the paper does.
        context: 'causal': words of a context see those before them, as in the paper.
            'independent': each sees itself alone, so that a context is a set, whose keys and values
            are made once. Rows are then read twice in training: each word alone
            (``loss_alone``), and after all others (``loss_word``).
        max_positions: Longest row for 'row'.
    """

    exportable = False  # what a context leaves would have to be an input of the graph

    def __init__(self, dictionary: dict | Dictionary, in_channels: int | None = None,
                 channels: int = 192, num_layers: int = 4, num_heads: int = 6,
                 inner_channels: int = 768, dropout: float = 0.1, cross_heads: int = 6,
                 cross_channels: int = 32, gate_init: float = 0.0, sees: str = 'own',
                 smear: bool = True, positions: str = 'word', context: str = 'causal',
                 max_positions: int = 2048, **kwargs) -> None:
        super().__init__(dictionary, **kwargs)
        if positions not in POSITIONS or context not in CONTEXTS:
            raise ValueError(f'positions must be one of {POSITIONS} and context one of {CONTEXTS}, '
                             f'but they are {positions!r} and {context!r}')
        if context == 'independent' and positions == 'row':
            raise ValueError("an independent context has no order, so positions must be 'word'")
        self.positions, self.context, self.sees = positions, context, sees
        longest = self.max_seq_len + 2 if positions == 'word' else max_positions
        self.embedding = nn.Embedding(self.num_classes + 1, channels)
        self.places = nn.Embedding(longest, channels)
        for table in (self.embedding, self.places):
            nn.init.normal_(table.weight, std=channels**-0.5)
        self.cross = nn.ModuleList(
            GatedCrossAttention(channels, in_channels, cross_heads, cross_channels, sees=sees,
                                gate_init=gate_init) for _ in range(num_layers))
        self.layers = nn.ModuleList(
            CausalLayer(channels, num_heads, inner_channels, dropout, smear)
            for _ in range(num_layers))
        self.norm = nn.LayerNorm(channels)

    def prepare(self, memory: Tensor | WordsInContext,
                data_samples: Samples | Tensor | None = None) -> InContextCache:
        tokens, context = memory if isinstance(memory, WordsInContext) else (memory, None)
        own = tuple(cross.pair(tokens[:, None]) for cross in self.cross)
        seen, offset = None, torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
        if context is not None:
            offset = context.there.sum(1)
            if self.positions == 'row':
                self._check_length(context.there.shape[1] + self.max_seq_len + 1)
            if context.pictures:
                own = tuple(torch.cat(parts, 1) for parts in zip(context.pictures, own))
                seen = F.pad(context.words, (0, 1), value=True)[:, None]
        return InContextCache(own, seen, context, offset)

    def start(self, cache: InContextCache) -> tuple[tuple[Past | None, ...], Tensor]:
        state = (None, ) * len(self.layers)
        if cache.context is not None:
            state = tuple(_past(pair) for pair in cache.context.past)
        return state, self.start_tokens(cache.offset)

    def step(self, cache: InContextCache, state: tuple[Past | None, ...], tokens: Tensor,
             t: int) -> tuple[tuple[Past, ...], dict[str, Tensor], None]:
        hidden, state = self._run(tokens[:, None, None], self._places(cache, t, 1), cache.pictures,
                                  state, self._visible(cache, 1, t), cache.seen)
        return state, dict(word=self._logits(hidden)[:, 0, 0]), None

    def all_steps(self, cache: InContextCache, tokens: Tensor) -> tuple[dict[str, Tensor], None]:
        steps = tokens.shape[1]
        hidden, _ = self._run(tokens[:, None], self._places(cache, 0, steps), cache.pictures,
                              self.start(cache)[0], self._visible(cache, steps), cache.seen)
        return dict(word=self._logits(hidden)[:, 0]), None

    def _places(self, cache: InContextCache, first: int, steps: int) -> Tensor:
        """Positions (1 or N, 1, T) of the next steps of words."""
        places = torch.arange(first, first + steps, device=cache.offset.device)[None, None]
        return places if self.positions == 'word' else places + cache.offset[:, None, None]

    @staticmethod
    def _visible(cache: InContextCache, steps: int, before: int = 0) -> Tensor | None:
        """(1 or N, T, L + T) bool."""
        own = torch.ones(steps, before + steps, dtype=torch.bool, device=cache.offset.device)
        own = own.tril(before)[None]
        if cache.context is None:
            return None if steps == 1 else own
        there = cache.context.there[:, None].expand(-1, steps, -1)
        return torch.cat([there, own.expand(len(there), -1, -1)], 2)

    def _run(self, tokens: Tensor, places: Tensor, pictures: Sequence[Tensor],
             past: Sequence[Past | None] | None = None, visible: Tensor | None = None,
             seen: Tensor | None = None) -> tuple[Tensor, tuple[Past, ...]]:
        """Rows of words (B, S, T) at positions that broadcast: what the layers make of them, (B, S,
        T, D), and the past after them."""
        x = self.embedding(tokens) + self.places(places)
        state = []
        past = past or (None, ) * len(self.layers)
        for cross, layer, pair, before in zip(self.cross, self.layers, pictures, past):
            x, after = layer(cross(x, pair, seen), before, visible)
            state.append(after)
        return self.norm(x), tuple(state)

    def _logits(self, hidden: Tensor) -> Tensor:
        return F.linear(hidden, self.embedding.weight[:self.num_classes])

    def loss(self, feat: Any = None, out_enc: Any = None, data_samples: Samples | None = None,
             targets: WordTargets | None = None, group_size: int = 1) -> dict[str, Tensor]:
        """Losses of words, each ``group_size`` of which are a row.

        Of samples whose meta information says ``group_kind='alphabet'``, an invented script, only
        characters count that occur in what is seen of the row; ``lookup_accuracy`` is the share of
        them that is read right.
        """
        memory = memory_of(feat, out_enc)
        if len(memory) % group_size:
            raise ValueError(f'{len(memory)} words make no rows of {group_size}: the batch size '
                             'must be a multiple of group_size')
        if targets is None:
            targets = self.targets(data_samples, memory.device)
        fed = fed_words(targets, self.dictionary.end_idx)
        readings = self.rows(*(part.unflatten(0, (-1, group_size)) for part in (memory, *fed)))
        invented = [sample.get('group_kind') == 'alphabet' for sample in data_samples]
        losses = {}
        if any(invented):
            script = to_device(torch.tensor(invented), memory.device)[:, None]
            losses['lookup_accuracy'] = self._accuracy(readings['word'], script)
            readings = {name: reading._replace(
                targets=reading.targets.masked_fill(script & ~reading.findable, IGNORE_INDEX))
                for name, reading in readings.items()}
        for name, reading in readings.items():
            outputs = WordOutputs({name: reading.logits}, targets._replace(targets=reading.targets))
            losses.update(self.module_loss(outputs, data_samples))
        return losses

    def _accuracy(self, reading: RowReading, script: Tensor) -> Tensor:
        counted = script & reading.findable & (reading.targets != self.dictionary.end_idx)
        right = (reading.logits.argmax(-1) == reading.targets) & counted
        return right.sum() / counted.sum().clamp(min=1)

    def rows(self, memory: Tensor, tokens: Tensor, there: Tensor,
             targets: Tensor) -> dict[str, RowReading]:
        """Read rows of labelled words: 'word', and of 'independent' rows each word 'alone'.

        Args:
            memory: (B, S, P, D).
            tokens, there, targets: (B, S, T), see :func:`~mmocr_siga.models.layers.fed_words`.
        """
        pictures = [cross.pair(memory) for cross in self.cross]
        if self.context == 'causal' or tokens.shape[1] == 1:
            visible = visible_before(there)
            hidden, _ = self._run(tokens, self._row_places(there), pictures, visible=visible)
            return dict(word=self._reading(hidden, targets, tokens.flatten(1), visible))
        alone, past = self._alone(pictures, tokens, there)
        visible = visible_others(there)
        every = there.new_ones(1, tokens.shape[1], tokens.shape[1])
        hidden, _ = self._run(tokens, self._row_places(there), pictures,
                              [_past(pair) for pair in past], visible, every)
        seen = tokens.flatten(1).repeat(1, 2)
        return dict(
            word=self._reading(hidden, targets, seen, visible),
            alone=self._reading(alone, _each(targets), tokens.flatten(0, 1),
                                visible_before(_each(there))))

    def _reading(self, hidden: Tensor, targets: Tensor, seen: Tensor,
                 visible: Tensor) -> RowReading:
        known = findable(targets.flatten(1), seen, visible).view(targets.shape)
        return RowReading(*(part.flatten(0, 1) for part in (self._logits(hidden), targets, known)))

    def _row_places(self, there: Tensor) -> Tensor:
        """Positions (B or 1, S or 1, T) of rows."""
        steps = torch.arange(there.shape[2], device=there.device)[None, None]
        if self.positions == 'word':
            return steps
        self._check_length(there[0].numel())
        lengths = there.sum(2)
        return steps + (lengths.cumsum(1) - lengths)[..., None]

    def _check_length(self, longest: int) -> None:
        if longest > self.places.num_embeddings:
            raise ValueError(f'rows of up to {longest} tokens are longer than '
                             f'max_positions={self.places.num_embeddings}')

    def _alone(self, pictures: Sequence[Tensor], tokens: Tensor, there: Tensor
               ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Words (B, S, T), each for itself: (B * S, 1, T, D), and keys and values (B, G, S * T, d)
        of the rows."""
        hidden, past = self._run(_each(tokens), self._row_places(_each(there)),
                                 [_each(pair) for pair in pictures],
                                 visible=visible_before(_each(there)))
        shape = tokens.shape[:2]
        return hidden, [tuple(part.unflatten(0, shape).transpose(1, 2).flatten(2, 3)
                              for part in (layer.keys, layer.values)) for layer in past]

    def remember(self, memory: Tensor, targets: WordTargets) -> Remembered:
        """What is kept of Q labelled words, so that any of them may be context: their pictures'
        tokens (Q, P, D) and texts."""
        tokens, there, _ = fed_words(targets, self.dictionary.end_idx)
        past, pictures = (), ()
        if self.context == 'independent':
            pairs = [cross.pair(memory[:, None]) for cross in self.cross]
            past = tuple(self._alone(pairs, tokens[:, None], there[:, None])[1])
            if self.sees == 'all':
                pictures = tuple(pair[:, 0] for pair in pairs)
        return Remembered(memory, tokens, there, past, pictures)

    def context_of(self, words: Remembered, numbers: Tensor) -> Context:
        """The context of N words: of each the remembered words of K ``numbers`` (N, K), in this
        order; -1 for none, behind all others."""
        chosen = numbers >= 0
        numbers = numbers.clamp(min=0)
        there = words.there[numbers] & chosen[..., None]
        if self.context == 'independent':
            past = tuple(tuple(part[numbers].transpose(1, 2).flatten(2, 3) for part in pair)
                         for pair in words.past)
            pictures = tuple(pair[numbers] for pair in words.pictures)
        else:
            pictures = tuple(cross.pair(words.memory[numbers]) for cross in self.cross)
            _, state = self._run(words.tokens[numbers], self._row_places(there), pictures,
                                 visible=visible_before(there))
            past = tuple((layer.keys, layer.values) for layer in state)
            pictures = pictures if self.sees == 'all' else ()
        return Context(past, there.flatten(1), pictures, chosen)


def _each(rows: Tensor) -> Tensor:
    """Rows of S (B, S, ...) as rows of one."""
    return rows.flatten(0, 1)[:, None]


def _past(pair: tuple[Tensor, Tensor]) -> Past:
    """Keys and values that no position of a word follows."""
    return Past(*pair, pair[0][:, :, :0])

"""CoMER's decoder: a Transformer whose cross-attention knows where it has looked before."""
from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...structures.encodings import GlyphEncoding
from ..layers import AttentionRefinement, CoverageLayer, selected, sinusoids, valid_columns
from ..layers.attention_refinement import KINDS, CoverageState
from ..layers.coverage_layer import Pair
from ..utils.feature_hooks import FeatureHook, FeatureHooks
from .base import Samples, WordDecoder


class CoverageCache(NamedTuple):
    """The memory as the layers look at it. N batch, G heads, L = h * w positions."""

    pairs: tuple[Pair, ...]  # keys and values (N, G, L, d) of each layer
    valid: Tensor  # (N, h, w) bool, False where the map shows padding
    padding: Tensor  # (N, 1, 1, L) bool, True there


class CoverageSteps(NamedTuple):
    """The state: all that the steps so far have left."""

    past: tuple[Pair, ...]  # keys and values (N, G, T, d) of each layer
    coverage: tuple[CoverageState, ...]  # of each refined layer


@MODELS.register_module()
class CoverageTransformerDecoder(WordDecoder):
    """Transformer decoder with coverage attention (CoMER, ECCV 2022, arXiv 2207.04410).

    A decoder that does not know what it has read drops characters or reads them twice, the sooner
    the longer a text is and the more it repeats itself. In all layers but the first an
    :class:`AttentionRefinement` subtracts from the energies what it makes of the attention of all
    earlier steps. That is a sum, so training runs all steps at once; reading adds up step by step,
    with the keys and values of earlier steps kept, and reads the same.

    The memory is a :class:`GlyphEncoding` (its context, one row), a map (N, C, h, w), or a sequence
    (N, L, C), as MMOCR's NRTR and SATRN encode it, of ``memory_height`` rows. Where samples are
    padded (``valid_ratio``), columns are hidden, in every row. The attention shown is the last
    layer's, the mean of its heads.

    Args:
        in_channels: Channels of the memory.
        channels, inner_channels: Those of the layers and of the perceptrons in them.
        coverage: 'cross', 'self' or both (CoMER's fusion); empty: a plain Transformer.
        coverage_channels, kernel_size, norm, gamma: Of the :class:`AttentionRefinement`; a kernel
            of one row is enough for a memory of one row.
        norm_first: See :class:`CoverageLayer`; a last normalization goes with it.
        coverage_dropout: Whether what is summed has gone through the attention's dropout.
        skip_blank: Whether steps that read a blank are left out of the sums.
        bidirectional: Whether training reads each word backwards, too (``loss_word_reversed``). A
            label that is cut at ``max_seq_len`` is read backwards from there.
        memory_height: Rows of a memory that comes as a sequence.
        reference: As the paper has it: ``norm='batch'``, ``norm_first=False``,
            ``coverage_dropout=True``.
    """

    def __init__(self, dictionary: dict | Dictionary, in_channels: int = 256, channels: int = 256,
                 num_layers: int = 2, num_heads: int = 4, inner_channels: int = 512,
                 dropout: float = 0.1, coverage: Sequence[str] = KINDS, coverage_channels: int = 8,
                 kernel_size: tuple[int, int] = (5, 5), norm: str = 'running', gamma: float = 1.0,
                 norm_first: bool = True, coverage_dropout: bool = False, skip_blank: bool = False,
                 bidirectional: bool = False, memory_height: int = 1, reference: bool = False,
                 **kwargs) -> None:
        super().__init__(dictionary, **kwargs)
        if reference:
            norm, norm_first, coverage_dropout = 'batch', False, True
        self.coverage_dropout, self.skip_blank = coverage_dropout, skip_blank
        self.bidirectional, self.memory_height = bidirectional, memory_height
        # After the characters come the start token and that of reversed words.
        self.embedding = nn.Embedding(self.num_classes + 1 + bidirectional, channels)
        self.embedding_norm, self.input_norm = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.map = _MemoryMap()
        self.layers = nn.ModuleList(
            CoverageLayer(channels, in_channels, num_heads, inner_channels, dropout, norm_first)
            for _ in range(num_layers))
        self.refinement = None
        if coverage:
            if num_layers < 2:
                raise ValueError('coverage refines all layers but the first: set num_layers to 2 '
                                 'or more, or coverage=()')
            self.refinement = AttentionRefinement(
                num_heads, coverage, coverage_channels, kernel_size, norm, num_layers - 1, gamma,
                dropout if coverage_dropout else 0.0)
        self.norm = nn.LayerNorm(channels) if norm_first else nn.Identity()
        self.classifier = nn.Linear(channels, self.num_classes)
        steps = torch.arange(self.max_seq_len + 1)
        self.register_buffer('positions', sinusoids(steps, channels), persistent=False)
        inked = [not character.isspace() for character in self.dictionary.dict] + [True, True]
        self.register_buffer('inked', torch.tensor(inked), persistent=False)

    def prepare(self, memory: GlyphEncoding | Tensor,
                data_samples: Samples | Tensor | None = None) -> CoverageCache:
        looked_at = self.map(memory, self.memory_height)
        columns = memory.valid if isinstance(memory, GlyphEncoding) else valid_columns(
            data_samples, looked_at.shape[-1], looked_at.device)
        batch, _, *size = looked_at.shape
        valid = looked_at.new_ones(batch, *size, dtype=torch.bool)
        if columns is not None:
            valid = valid & columns[:, None]
        sequence = looked_at.flatten(2).transpose(1, 2)
        return CoverageCache(tuple(layer.cross.pair(sequence) for layer in self.layers), valid,
                             ~valid.flatten(1)[:, None, None])

    def start(self, cache: CoverageCache) -> tuple[CoverageSteps, Tensor]:
        past = tuple(tuple(part[:, :, :0] for part in pair) for pair in cache.pairs)
        coverage = ()
        if self.refinement is not None:
            coverage = tuple(self.refinement.start(cache.valid) for _ in past[1:])
        return CoverageSteps(past, coverage), self.start_tokens(cache.valid)

    def step(self, cache: CoverageCache, state: CoverageSteps, tokens: Tensor,
             t: int) -> tuple[CoverageSteps, dict[str, Tensor], Tensor]:
        state, logits, attention = self._run(cache, state, tokens[:, None], self.positions[t])
        return state, dict(word=logits[:, 0]), attention[:, 0]

    def all_steps(self, cache: CoverageCache, tokens: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        if not self.bidirectional:
            logits, attention = self._at_once(cache, tokens)
            return dict(word=logits), attention
        lengths = (tokens != self.dictionary.end_idx).sum(1) - 1
        start = torch.full_like(tokens[:, :1], self.num_classes + 1)
        body = tokens[:, 1:]
        backwards = torch.cat([start, body.gather(1, _mirrored(lengths, body.shape[1]))], 1)
        twice = torch.arange(2 * len(tokens), device=tokens.device) % len(tokens)
        logits, attention = self._at_once(selected(cache, twice), torch.cat([tokens, backwards]))
        logits, other = logits.chunk(2)
        # Brought into the order of the label, whose characters are the targets of both.
        index = _mirrored(lengths, tokens.shape[1])[..., None].expand_as(other)
        return dict(word=logits, word_reversed=other.gather(1, index)), attention[:len(tokens)]

    def _at_once(self, cache: CoverageCache, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Teacher-forced logits (N, T, K) and attention (N, T, L)."""
        steps = tokens.shape[1]
        later = torch.ones(steps, steps, dtype=torch.bool, device=tokens.device).triu(1)
        # Behind a word there are end tokens, which no step of the word is fed.
        counted = tokens != self.dictionary.end_idx
        return self._run(cache, self.start(cache)[0], tokens, self.positions[:steps], later,
                         counted)[1:]

    def _run(self, cache: CoverageCache, state: CoverageSteps, tokens: Tensor, positions: Tensor,
             later: Tensor | None = None,
             counted: Tensor | None = None) -> tuple[CoverageSteps, Tensor, Tensor]:
        """The next T steps, fed ``tokens`` (N, T): state, logits and attention after them."""
        x = self.input_norm(self.embedding_norm(self.embedding(tokens)) + positions)
        inked = self.inked[tokens] if self.skip_blank else None
        past, coverage, looked = [], [], None
        for i, layer in enumerate(self.layers):
            refine = None
            if looked is not None and self.refinement is not None:
                refine = partial(
                    self.refinement, valid=cache.valid,
                    previous=looked.used if self.coverage_dropout else looked.attention,
                    state=state.coverage[i - 1], inked=inked, counted=counted, layer=i - 1)
            looked = layer(x, state.past[i], cache.pairs[i], cache.padding, later, refine)
            x = looked.x
            past.append(looked.past)
            coverage.append(looked.coverage)
        coverage = tuple(coverage[1:]) if self.refinement is not None else ()
        return (CoverageSteps(tuple(past), coverage), self.classifier(self.norm(x)),
                looked.attention.mean(1))

    def feature_hooks(self) -> FeatureHooks:
        return FeatureHooks(FeatureHook('decoder.map'), 'decoder.classifier',
                            FeatureHook('decoder.steps', index='attention'), in_reading=True)


class _MemoryMap(nn.Module):
    """Any memory as a map (N, C, h, w); a module, so that hooks can watch it."""

    def forward(self, memory: GlyphEncoding | Tensor, height: int) -> Tensor:
        if isinstance(memory, GlyphEncoding):
            memory, height = memory.context, 1
        if memory.dim() == 4:
            return memory
        # Not by unflatten, after which export would take the batch for a constant.
        return memory.transpose(1, 2).reshape(memory.shape[0], memory.shape[2], height, -1)


def _mirrored(lengths: Tensor, steps: int) -> Tensor:
    """Indices (N, steps) that reverse each word (N,) and leave what is behind it."""
    order = torch.arange(steps, device=lengths.device).expand(len(lengths), -1)
    return torch.where(order < lengths[:, None], lengths[:, None] - 1 - order, order)

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ...structures.encodings import GlyphEncoding
from ...structures.words import Hypothesis
from ..layers import valid_columns
from ..layers.ctc import ctc_alignment, ctc_attention, greedy_alignment, prefix_search
from ..utils.feature_hooks import FeatureHook, FeatureHooks
from .base import Samples, WordDecoder, greedy_hypotheses

_NEVER = -1e4  # a log probability; with infinities gradients of the loss become NaN


class CTCCache(NamedTuple):
    sequence: Tensor  # (N, w, D)
    valid: Tensor | None  # (N, w) bool, False on padding; None: there is none


@MODELS.register_module()
class CTCDecoder(WordDecoder):
    """Connectionist temporal classification (Graves et al., ICML 2006) as a :class:`WordDecoder`.

    A linear layer tells the character of each column, or the blank, which is the dictionary's
    padding class. The loss is over all alignments with the label (:class:`CTCWordLoss`).

    What the columns say is handed on character by character, as by decoders with attention: a
    character has the probabilities of the column that is surest of it, and looks at the columns
    that are closer to its own than to those of others, see
    :func:`~mmocr_siga.models.layers.ctc.ctc_attention`. In training they are those of the most
    probable alignment with the label. So glyph labels, plug-ins and explanation need no attention
    of the recognizer's own. The end has the probability of all columns that add no character: the
    product over a word is the probability of its path.

    Args:
        dictionary: With an end token and padding (``with_end=True, with_padding=True``).
        in_channels: Channels D of the sequence (N, w, D), ``context`` of a
            :class:`GlyphEncoding`, or of a map (N, D, h, w), the mean of whose rows is read.
        max_seq_len: Characters that are read at most; the columns bound them, too.
        mask_padding: Whether columns of padding are not read. Models that were trained without, as
            PP-OCR's, use them where a narrow picture has many characters. No character looks there
            either way.
    """

    parallel = True
    aligned = True

    def __init__(self, dictionary: dict | Dictionary, in_channels: int = 120,
                 module_loss: dict | None = None, max_seq_len: int = 80,
                 mask_padding: bool = False, **kwargs: Any) -> None:
        super().__init__(dictionary, module_loss=module_loss or dict(type='CTCWordLoss'),
                         max_seq_len=max_seq_len, **kwargs)
        if self.dictionary.padding_idx is None:
            raise ValueError('the blank of CTCDecoder is the padding of its dictionary: set '
                             'with_padding=True')
        self.mask_padding = mask_padding
        self.blank = self.dictionary.padding_idx
        self.classifier = nn.Linear(in_channels, self.num_classes)

    def prepare(self, memory: Tensor | GlyphEncoding,
                data_samples: Samples | Tensor | None = None) -> CTCCache:
        sequence = memory.context if isinstance(memory, GlyphEncoding) else memory
        if sequence.dim() == 4:  # a map: the mean over its rows
            sequence = sequence.mean(2).transpose(1, 2)
        return CTCCache(sequence, valid_columns(data_samples, sequence.shape[1], sequence.device))

    def columns(self, cache: CTCCache) -> Tensor:
        """Log probabilities (N, w, K) of each column; padding that is left out is blank."""
        columns = self.log_probabilities(self.classifier(cache.sequence))
        if cache.valid is None or not self.mask_padding:
            return columns
        is_blank = torch.arange(self.num_classes, device=columns.device) == self.blank
        return torch.where(cache.valid[..., None], columns, torch.where(is_blank, 0.0, _NEVER))

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Of the classifier's logits (N, w, K); no column is an end token."""
        is_end = torch.arange(self.num_classes, device=logits.device) == self.dictionary.end_idx
        return logits.float().masked_fill(is_end, _NEVER).log_softmax(-1)

    def step(self, cache: CTCCache, state: None, tokens: Tensor | None,
             t: int) -> tuple[None, dict[str, Tensor], Tensor]:
        """All characters; given tokens (N, T'), those of the label, and ``'columns'``, which the
        loss is made of."""
        columns = self.columns(cache)
        if tokens is None:
            length = self.max_seq_len
            alignment, classes = greedy_alignment(columns, self.blank), columns.argmax(-1)
        else:
            length, label = tokens.shape[1] - 1, tokens[:, 1:]
            lengths = (label != self.dictionary.end_idx).sum(1)
            alignment = ctc_alignment(columns, label, lengths, self.blank)
            # One class more, for no character: also where the label is empty.
            classes = F.pad(label, (1, 0), value=self.blank).gather(1, alignment + 1)
        logits = dict(word=self._word_logits(columns, classes, alignment, length))
        if tokens is not None:
            logits['columns'] = columns
        valid = None if cache.valid is None else cache.valid.sum(1)
        attention = ctc_attention(alignment, length, valid)
        return None, logits, F.pad(attention, (0, 0, 0, 1))

    def _word_logits(self, columns: Tensor, classes: Tensor, alignment: Tensor,
                     length: int) -> Tensor:
        """Log probabilities (N, L + 1, K) of as many characters, which the ``alignment`` (N, w)
        gives columns to, and of the end after them; ``classes`` (N, w) are what each column was
        taken for."""
        own = alignment[:, None] == torch.arange(length, device=columns.device)[:, None]
        path = columns.gather(2, classes[..., None])[..., 0]
        surest = path[:, None].masked_fill(~own, float('-inf')).argmax(2)
        exists = own.any(2)
        rest = path.sum(1) - (path.gather(1, surest) * exists).sum(1)
        # The end must stay the most probable class of its step.
        end = rest.exp().clamp(min=1.1 / self.num_classes)[:, None]
        other = ((1 - end) / (self.num_classes - 1)).clamp(min=1e-30).log()
        is_end = torch.arange(self.num_classes, device=columns.device) == self.dictionary.end_idx
        ending = torch.where(is_end, end.log(), other)[:, None]
        characters = columns.gather(1, surest[..., None].expand(-1, -1, self.num_classes))
        characters = torch.where(exists[..., None], characters, ending)
        return torch.cat([characters, ending], 1)

    def nbest(self, out_enc: Any, count: int, width: int | None = None,
              data_samples: Samples | None = None) -> list[list[Hypothesis]]:
        """As of other decoders. The probability of a hypothesis is that of all its alignments (of
        its path, if the search missed the greedy word), the score of a character that of its surest
        column in the most probable alignment."""
        return self.search(out_enc, count, width, data_samples)

    def search(self, out_enc: Any, count: int, width: int | None = None,
               data_samples: Samples | None = None,
               evidence: tuple[Tensor, Tensor] | None = None) -> list[list[Hypothesis]]:
        """As of other decoders; evidence is of the columns, (N, w, K) and (N, w). With it a single
        hypothesis is the greedy word, so that its probability compares with that without."""
        columns = self.columns(self.prepare(out_enc, data_samples))
        if evidence is not None:
            more, weight = evidence
            columns = torch.lerp(columns.exp(), more, weight[..., None].to(columns))
            columns = columns.clamp(min=1e-30).log()
        alignment, classes = greedy_alignment(columns, self.blank), columns.argmax(-1)
        logits = self._word_logits(columns, classes, alignment, self.max_seq_len)
        greedy = greedy_hypotheses(logits.softmax(-1), self.dictionary.end_idx)
        if count == 1 and evidence is not None:
            return [[word] for word in greedy]
        return [self._searched(log_probabilities.cpu(), first, count, width or max(count, 5))
                for log_probabilities, first in zip(columns, greedy)]

    def _searched(self, columns: Tensor, first: Hypothesis, count: int,
                  width: int) -> list[Hypothesis]:
        found = dict(prefix_search(columns, self.blank, width, width))
        found.setdefault(first.tokens, first.probability)
        best = sorted(found.items(), key=lambda item: -item[1])[:count]
        out = []
        for tokens, probability in best:
            label = torch.tensor([tokens], dtype=torch.long)
            length = torch.tensor([len(tokens)])
            alignment = ctc_alignment(columns[None], label, length, self.blank)[0]
            scores = [float(columns[alignment == i, k].max().exp()) for i, k in enumerate(tokens)]
            out.append(Hypothesis(tuple(tokens), tuple(scores), probability))
        return out

    def feature_hooks(self) -> FeatureHooks:
        return FeatureHooks(FeatureHook('decoder.classifier', 'input'), 'decoder.classifier',
                            FeatureHook('decoder.steps', index='attention'), in_reading=True)

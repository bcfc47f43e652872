from __future__ import annotations

from typing import Any

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import ConfigType
from torch import Tensor
from torch.nn import functional as F

from ...structures.words import Hypothesis, WordOutputs, WordTargets
from ..layers import merged
from .base import Samples, WordDecoder


@MODELS.register_module()
class TwoReaderDecoder(WordDecoder):
    """Two parallel decoders of one encoding, of which the one that is surer reads each word.

    For example a :class:`CTCDecoder`, which reads lines of any length, and a
    :class:`SIGAParallelDecoder`, which reads glyph features of words. The attention, which
    teaches glyph maps, is the first reader's.

    Args:
        dictionary: That of both.
        first, second: Configs of the readers; the dictionary is filled in.
        preference: What the second reader's log probability of a word must exceed the first's by.
        second_weight: Weight of the second reader's losses, whose names begin with
            ``loss_second_``.
    """

    parallel = True

    def __init__(self, dictionary: dict | Dictionary, first: ConfigType, second: ConfigType,
                 preference: float = 0.0, second_weight: float = 1.0, **kwargs: Any) -> None:
        first, second = (MODELS.build(dict(reader, dictionary=dictionary))
                         for reader in (first, second))
        super().__init__(dictionary, max_seq_len=max(first.max_seq_len, second.max_seq_len),
                         **kwargs)
        for reader in (first, second):
            if not reader.parallel:
                raise ValueError(f'TwoReaderDecoder takes parallel decoders; '
                                 f'{type(reader).__name__} reads step by step')
        self.first, self.second = first, second
        self.preference, self.second_weight = preference, second_weight

    def prepare(self, memory: Any, data_samples: Samples | Tensor | None = None) -> tuple:
        return (self.first.prepare(memory, data_samples),
                self.second.prepare(memory, data_samples))

    def step(self, cache: tuple, state: None, tokens: None,
             t: int) -> tuple[None, dict[str, Tensor], Tensor | None]:
        """What the surer reader says, (N, T, K) log probabilities; the first one's attention."""
        _, first, attention = self.first.step(cache[0], None, None, t)
        _, second, _ = self.second.step(cache[1], None, None, t)
        words = [self._filled(logits['word'].float().log_softmax(-1), max(
            first['word'].shape[1], second['word'].shape[1])) for logits in (first, second)]
        one, other = map(self._log_probability, words)
        surer = (other > one + self.preference)[:, None, None]
        return None, dict(word=torch.where(surer, words[1], words[0])), attention

    def attention_of(self, *args: Any, **kwargs: Any) -> Tensor | None:
        """The first reader's, whichever has read the words."""
        return self.first.attention_of(*args, **kwargs)

    def _filled(self, words: Tensor, steps: int) -> Tensor:
        """End tokens after the last step (N, T, K) of a reader of fewer steps."""
        end = torch.arange(self.num_classes, device=words.device) == self.dictionary.end_idx
        # The shape of a tensor, which export keeps open, as it would not a length.
        after = torch.where(end, 0.0, -1e4).expand(words.shape[0], steps - words.shape[1], -1)
        return torch.cat([words, after], 1)

    def _log_probability(self, words: Tensor) -> Tensor:
        """Of the words as they are read, their first end token included: (N,)."""
        best, classes = words.max(-1)
        ended = (classes == self.dictionary.end_idx).long().cumsum(1)
        before = F.pad(ended, (1, 0))[:, :-1] == 0
        return (best * before).sum(1)

    def forward_train(self, feat: Any, out_enc: Any, data_samples: Samples,
                      targets: WordTargets | None = None) -> WordOutputs:
        """The first reader's outputs, and under ``'second'`` those of the second."""
        outputs = self.first.forward_train(feat, out_enc, data_samples)
        second = self.second.forward_train(feat, out_enc, data_samples)
        return outputs._replace(logits=dict(outputs.logits, second=second))

    def losses(self, outputs: WordOutputs, data_samples: Samples) -> dict[str, Tensor]:
        logits = dict(outputs.logits)
        second = self.second.losses(logits.pop('second'), data_samples)
        return dict(self.first.losses(outputs._replace(logits=logits), data_samples),
                    **{name.replace('loss_', 'loss_second_'): self.second_weight * loss
                       for name, loss in second.items()})

    def nbest(self, out_enc: Any, count: int, width: int | None = None,
              data_samples: Samples | None = None) -> list[list[Hypothesis]]:
        """The hypotheses of both readers, the more probable first."""
        readings = [reader.nbest(out_enc, count, width, data_samples)
                    for reader in (self.first, self.second)]
        return [merged(*both, count) for both in zip(*readings)]

"""The ordinary 1-D attention decoder: what SIGA starts from."""
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor
from torch.nn import functional as F

from ..encoders import GlyphEncoding
from ..layers import (
    AttentionDecoder,
    Hypothesis,
    beam_search,
    greedy_hypotheses,
    merged,
    unroll,
)
from ..losses.siga_word_loss import WordOutputs
from .base import WordDecoder


class AttentionReading(NamedTuple):
    """One greedy step."""

    logits: Tensor  # (N, K)
    attention: Tensor  # (N, w)
    token: Tensor  # (N,)
    ended: Tensor  # (N,) bool


@MODELS.register_module()
class ImplicitAttentionDecoder(WordDecoder):
    """Additive-attention LSTM decoder over a column sequence, without glyph features.

    Together with ``SIGAEncoder(pyramid=None)`` it is the recogniser that SIGA starts from.

    Args:
        dictionary (dict or Dictionary): Needs an end token.
        in_channels (int): Channels D of the context. Defaults to 256.
        hidden_size (int): LSTM units. Defaults to 256.
        module_loss (dict, optional): Defaults to ``dict(type='SIGAWordLoss')``.
        postprocessor (dict, optional): Defaults to ``dict(type='AttentionPostprocessor')``.
        max_seq_len (int): Characters at most. Defaults to 25.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 dictionary: Union[dict, Dictionary],
                 in_channels: int = 256,
                 hidden_size: int = 256,
                 module_loss: Optional[dict] = None,
                 postprocessor: Optional[dict] = None,
                 max_seq_len: int = 25,
                 init_cfg: Optional[Union[dict, list[dict]]] = None) -> None:
        super().__init__(dictionary=dictionary, module_loss=module_loss,
                         postprocessor=postprocessor, max_seq_len=max_seq_len, init_cfg=init_cfg)
        self.cell = AttentionDecoder(in_channels, hidden_size, self.num_classes)

    def forward_train(self, feat: Sequence[Tensor], out_enc: GlyphEncoding,
                      data_samples: Sequence[TextRecogDataSample]) -> WordOutputs:
        """Teacher-forced logits."""
        targets = self.targets(data_samples, out_enc.context.device)
        logits, _ = self.cell(out_enc.context, targets.tokens, valid=out_enc.valid)
        return WordOutputs(dict(word=logits), targets)

    def forward_test(self, feat: Optional[Sequence[Tensor]], out_enc: GlyphEncoding,
                     data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> Tensor:
        """Greedy probabilities (N, max_seq_len + 1, K)."""
        context, cell = out_enc.context, self.cell
        prepared = cell.prepare(context, valid=out_enc.valid)
        start = torch.full((len(context), ), self.num_classes, device=context.device)
        first = AttentionReading(start, start, start, torch.zeros_like(start, dtype=torch.bool))

        def step(state: tuple, previous: AttentionReading, t: int) -> tuple:
            gates = F.embedding(previous.token, prepared.token_gates)
            state, output = cell.step(prepared, state, gates, t)
            logits = cell.classifier(output.hidden)
            token = logits.argmax(-1)
            ended = previous.ended | (token == self.dictionary.end_idx)
            return state, AttentionReading(logits, output.attention, token, ended)

        steps = unroll(step, cell.initial_state(context), self.max_seq_len + 1,
                       lambda t, last: last or first, lambda t, last: bool(last.ended.all()))
        return self.collect([step.logits for step in steps])

    def nbest(self, out_enc: GlyphEncoding, count: int, width: Optional[int] = None,
              data_samples: Optional[Sequence[TextRecogDataSample]] = None
              ) -> list[list[Hypothesis]]:
        """The most probable words that a beam search finds; see :meth:`SIGADecoder.nbest`."""
        width = max(count, 5) if width is None else width
        end, cell = self.dictionary.end_idx, self.cell
        context = out_enc.context.repeat_interleave(width, 0)
        valid = None if out_enc.valid is None else out_enc.valid.repeat_interleave(width, 0)
        prepared = cell.prepare(context, valid=valid)

        def step(state: tuple, tokens: Tensor, t: int) -> tuple:
            gates = F.embedding(tokens, prepared.token_gates)
            state, output = cell.step(prepared, state, gates, t)
            return cell.classifier(output.hidden).float().log_softmax(-1), state

        found = beam_search(step, cell.initial_state(context), len(out_enc.context),
                            self.max_seq_len + 1, self.num_classes, end, width, count,
                            context.device)
        greedy = greedy_hypotheses(self.forward_test(None, out_enc), end)
        return [merged([first], more, count) for first, more in zip(greedy, found)]

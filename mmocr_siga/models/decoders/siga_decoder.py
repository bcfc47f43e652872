"""SIGA's decoder: attention glimpses gated with glyph features at two scales."""
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoders import GlyphEncoding
from ..encoders.siga_encoder import SCALES
from ..layers import (
    AttentionDecoder,
    GatedFusion,
    Hypothesis,
    TokenLSTM,
    beam_search,
    greedy_hypotheses,
    merged,
    unroll,
)
from ..losses.siga_word_loss import WordOutputs
from .base import WordDecoder


class ReadingStep(NamedTuple):
    """One greedy step of the three decoders."""

    branch_tokens: dict[str, Tensor]  # (N,) per scale, what each feeds back to itself
    logits: Tensor  # (N, K)
    token: Tensor  # (N,)
    ended: Tensor  # (N,) bool


@MODELS.register_module()
class SIGADecoder(WordDecoder):
    r"""Glyph attention decoder of SIGA (CVPR 2023).

    Per scale an :class:`AttentionDecoder` over the context fuses each glimpse with the character's
    glyph feature; the fused vectors of both scales are mixed by the same kind of gate, projected,
    and read by a last LSTM. In training all are teacher-forced and each has a cross-entropy; in
    reading all three feed back their own characters in one loop, which ends with the batch's last
    word.

    Args:
        dictionary (dict or Dictionary): Needs an end token.
        in_channels (int): Channels D of context and glyph features. Defaults to 256.
        hidden_size (int): LSTM units of the two attention decoders. Defaults to 256.
        output_size (int): LSTM units of the last decoder, and its input's channels. Defaults to
            512.
        dropout (float): Before the last decoder. Defaults to 0.3.
        module_loss (dict, optional): Defaults to ``dict(type='SIGAWordLoss')``.
        postprocessor (dict, optional): Defaults to ``dict(type='AttentionPostprocessor')``.
        max_seq_len (int): Characters at most. Defaults to 25.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 dictionary: Union[dict, Dictionary],
                 in_channels: int = 256,
                 hidden_size: int = 256,
                 output_size: int = 512,
                 dropout: float = 0.3,
                 module_loss: Optional[dict] = None,
                 postprocessor: Optional[dict] = None,
                 max_seq_len: int = 25,
                 init_cfg: Optional[Union[dict, list[dict]]] = None) -> None:
        super().__init__(dictionary=dictionary, module_loss=module_loss,
                         postprocessor=postprocessor, max_seq_len=max_seq_len, init_cfg=init_cfg)
        classes = self.num_classes
        self.branches = nn.ModuleDict({
            scale: AttentionDecoder(in_channels, hidden_size, classes, glyphs=True)
            for scale in SCALES})
        self.fusion = GatedFusion(in_channels)
        self.project = nn.Linear(in_channels, output_size)
        self.dropout = nn.Dropout(dropout)
        self.reader = TokenLSTM(output_size, output_size, classes, in_channels)

    def forward_train(self, feat: Sequence[Tensor], out_enc: GlyphEncoding,
                      data_samples: Sequence[TextRecogDataSample]) -> WordOutputs:
        """Teacher-forced logits of the three branches."""
        targets = self.targets(data_samples, out_enc.context.device)
        logits, fused = {}, {}
        for scale, branch in self.branches.items():
            glyphs = out_enc.glyph_features[scale]
            logits[f'word_{scale}'], steps = branch(out_enc.context, targets.tokens, glyphs,
                                                    out_enc.valid)
            fused[scale] = steps.glimpse
        feature = self.project(self.fusion(fused['low'], fused['middle']))
        logits['word'] = self.reader(self.dropout(feature), targets.tokens)
        return WordOutputs(logits, targets)

    def forward_test(self, feat: Optional[Sequence[Tensor]], out_enc: GlyphEncoding,
                     data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> Tensor:
        """Greedy probabilities (N, max_seq_len + 1, K)."""
        steps = self.greedy(out_enc)
        return self.collect([step.logits for step in steps])

    def greedy(self, encoding: GlyphEncoding, stop_early: bool = True) -> list[ReadingStep]:
        """Read greedily.

        Args:
            encoding (GlyphEncoding): From :class:`SIGAEncoder`.
            stop_early (bool): Stop when every word has ended; what would follow is never read.
                Defaults to True.
        """
        prepared, state = self._prepare(encoding)
        context = encoding.context
        start = torch.full((len(context), ), self.num_classes, device=context.device)
        first = ReadingStep(dict.fromkeys(SCALES, start), start, start,
                            torch.zeros_like(start, dtype=torch.bool))

        def step(state: tuple, previous: ReadingStep, t: int) -> tuple:
            return self._step(prepared, state, previous, t)

        return unroll(step, state, self.max_seq_len + 1, lambda t, last: last or first,
                      (lambda t, last: bool(last.ended.all())) if stop_early else None)

    def nbest(self, out_enc: GlyphEncoding, count: int, width: Optional[int] = None,
              data_samples: Optional[Sequence[TextRecogDataSample]] = None
              ) -> list[list[Hypothesis]]:
        """The most probable words that a beam search finds, and the greedy one.

        All three decoders are fed the characters of the hypothesis, as in training; a word's
        probability is that of the last decoder. In greedy reading each decoder is fed its own
        characters instead, so the greedy word is a candidate of its own: the first hypothesis is
        that word, or one that is more probable.

        Args:
            out_enc (GlyphEncoding): From :class:`SIGAEncoder`.
            count (int): Hypotheses for each word.
            width (int, optional): Beams. Defaults to None: the larger of ``count`` and 5.
            data_samples (Sequence[TextRecogDataSample], optional): Not needed.

        Returns:
            list[list[Hypothesis]]: For each word up to ``count``, best first.
        """
        width = max(count, 5) if width is None else width
        end = self.dictionary.end_idx
        prepared, state = self._prepare(_repeated(out_enc, width))

        def step(state: tuple, tokens: Tensor, t: int) -> tuple:
            previous = ReadingStep(dict.fromkeys(SCALES, tokens), tokens, tokens,
                                   torch.zeros_like(tokens, dtype=torch.bool))
            state, output = self._step(prepared, state, previous, t)
            return output.logits.float().log_softmax(-1), state

        context = out_enc.context
        found = beam_search(step, state, len(context), self.max_seq_len + 1, self.num_classes,
                            end, width, count, context.device)
        greedy = greedy_hypotheses(self.forward_test(None, out_enc), end)
        return [merged([first], more, count) for first, more in zip(greedy, found)]

    def _prepare(self, encoding: GlyphEncoding) -> tuple:
        """What stays the same over all steps, and the state before the first one."""
        context = encoding.context
        prepared = {scale: branch.prepare(context, encoding.glyph_features[scale], encoding.valid)
                    for scale, branch in self.branches.items()}
        state = ({scale: branch.initial_state(context) for scale, branch in self.branches.items()},
                 self.reader.initial_state(len(context), context))
        return prepared, state

    def _step(self, prepared: dict, state: tuple, previous: ReadingStep, t: int) -> tuple:
        branch_states, reader_state = state
        states, tokens, fused = {}, {}, {}
        for scale, branch in self.branches.items():
            gates = F.embedding(previous.branch_tokens[scale], prepared[scale].token_gates)
            states[scale], output = branch.step(prepared[scale], branch_states[scale], gates, t)
            tokens[scale] = branch.classifier(output.hidden).argmax(-1)
            fused[scale] = output.glimpse
        feature = self.project(self.fusion(fused['low'], fused['middle']))
        logits, reader_state = self.reader.step(feature, previous.token, reader_state)
        token = logits.argmax(-1)
        ended = previous.ended | (token == self.dictionary.end_idx)
        return (states, reader_state), ReadingStep(tokens, logits, token, ended)


def _repeated(encoding: GlyphEncoding, times: int) -> GlyphEncoding:
    """What the decoder reads of an encoding, each word so many times in a row."""

    def repeat(x: Optional[Tensor]) -> Optional[Tensor]:
        return None if x is None else x.repeat_interleave(times, 0)

    return encoding._replace(
        context=repeat(encoding.context), valid=repeat(encoding.valid),
        glyph_features={scale: repeat(x) for scale, x in encoding.glyph_features.items()})

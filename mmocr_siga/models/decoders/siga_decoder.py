"""SIGA's decoder: attention glimpses gated with glyph features at two scales."""
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor, nn

from ..encoders import GlyphEncoding
from ..encoders.siga_encoder import SCALES
from ..layers import (
    AttentionDecoder,
    BranchBuffers,
    BranchMemory,
    BranchState,
    BranchWeights,
    GatedFusion,
    TokenLSTM,
    TokenLSTMBuffers,
    TokenLSTMWeights,
    branch_buffers,
    branch_memory,
    branch_start,
    branch_step,
    mix,
    stack_branches,
    token_lstm_buffers,
    token_lstm_step,
    token_lstm_weights,
)
from ..losses.word_loss import WordOutputs
from .greedy import GreedyWordDecoder


class ReadingStep(NamedTuple):
    """One greedy step of the three decoders."""

    branch_tokens: dict[str, Tensor]  # (N,) per scale, what each feeds back to itself
    logits: Tensor  # (N, K)
    token: Tensor  # (N,)


class SIGAWeights(NamedTuple):
    """The weights in the form that steps read."""

    branches: BranchWeights  # of both scales, 'fine' first
    gate: Tensor  # (2D, D)
    gate_bias: Tensor  # (D,)
    project: Optional[Tensor]  # (D, D'), None where the reader has taken it in
    project_bias: Optional[Tensor]  # (D',)
    reader: TokenLSTMWeights


class SIGAState(NamedTuple):
    """What a step hands to the next."""

    branches: BranchState
    hidden: Tensor  # (N, H), like the cell state the last decoder's
    cell: Tensor  # (N, H)
    token: Tensor  # (N,)


class SIGABuffers(NamedTuple):
    """Where steps write to; all None lets them allocate."""

    branches: BranchBuffers = BranchBuffers()
    reader: TokenLSTMBuffers = TokenLSTMBuffers()
    pair: Optional[Tensor] = None  # (N, 2D)
    gate: Optional[Tensor] = None  # (N, D)
    squashed: Optional[Tensor] = None  # (2, N, D)
    feature: Optional[Tensor] = None  # (N, D')
    logits: Optional[Tensor] = None  # (T, N, K)
    tokens: Optional[Tensor] = None  # (T, N)


@MODELS.register_module()
class SIGADecoder(GreedyWordDecoder):
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
        module_loss (dict, optional): Defaults to ``dict(type='WordLoss')``.
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
        feature = self.project(self.fusion(fused['fine'], fused['coarse']))
        logits['word'] = self.reader(self.dropout(feature), targets.tokens)
        return WordOutputs(logits, targets)

    def greedy(self, encoding: GlyphEncoding, stop_early: bool = True) -> list[ReadingStep]:
        """Read greedily, with what every decoder fed back to itself.

        Args:
            encoding (GlyphEncoding): From :class:`SIGAEncoder`.
            stop_early (bool): Stop when every word has ended; what would follow is never read.
                Defaults to True.
        """
        return [ReadingStep(dict(zip(SCALES, step.state.branches.tokens)), step.logits, step.token)
                for step in self.read(encoding, stop_early)]

    def reading_weights(self, composed: bool = False) -> SIGAWeights:
        """The weights in the form that steps read; composed, the projection is the reader's."""
        reader = token_lstm_weights(self.reader)
        project, bias = self.project.weight.t(), self.project.bias
        if composed:
            reader = reader._replace(
                token_gates=reader.token_gates + bias @ reader.feature,
                feature=project @ reader.feature)
            project = bias = None
        gate = self.fusion.gate
        branches = stack_branches([self.branches[scale] for scale in SCALES], composed)
        return SIGAWeights(branches, gate.weight.t(), gate.bias, project, bias, reader)

    def reading_memory(self, weights: SIGAWeights, encoding: GlyphEncoding) -> BranchMemory:
        """Project context and glyph features."""
        glyphs = [encoding.glyph_features[scale] for scale in SCALES]
        return branch_memory(weights.branches, encoding.context, glyphs, encoding.valid)

    def reading_start(self, weights: SIGAWeights, context: Tensor) -> SIGAState:
        """Zeros and the start token."""
        branches = branch_start(weights.branches, context)
        zeros = context.new_zeros(context.shape[0], weights.reader.hidden.shape[0])
        cell = torch.zeros_like(zeros, dtype=torch.float)
        return SIGAState(branches, zeros, cell, branches.tokens[0])

    def reading_buffers(self, weights: SIGAWeights, memory: BranchMemory, state: SIGAState,
                        steps: int) -> SIGABuffers:
        """Room for so many steps."""
        batch, channels = memory.memory.shape[0], memory.memory.shape[2]
        new = memory.memory.new_empty
        composed = weights.project is None
        return SIGABuffers(
            branches=branch_buffers(weights.branches, memory, steps),
            reader=token_lstm_buffers(weights.reader, state.hidden),
            pair=new(batch, 2 * channels),
            gate=new(batch, channels),
            squashed=new(2, batch, channels),
            feature=None if composed else new(batch, weights.project.shape[1]),
            logits=new(steps, batch, self.num_classes),
            tokens=new(steps, batch, dtype=torch.long))

    def reading_step(self, weights: SIGAWeights, memory: BranchMemory, state: SIGAState, t,
                     buffers: Optional[SIGABuffers] = None) -> tuple[SIGAState, Tensor]:
        """One step of the three decoders: the new state and the last one's logits (N, K)."""
        out = buffers or SIGABuffers()
        branches, output = branch_step(weights.branches, memory, state.branches, t, out.branches)
        pair = torch.cat([output.glimpse[0], output.glimpse[1]], -1, out=out.pair)
        gate = torch.addmm(weights.gate_bias, pair, weights.gate, out=out.gate)
        fine, coarse = torch.tanh(output.glimpse, out=out.squashed)
        feature = mix(torch.sigmoid(gate, out=out.gate), fine, coarse,
                      None if buffers is None else fine)
        if weights.project is not None:
            feature = torch.addmm(weights.project_bias, feature, weights.project, out=out.feature)
        logits, hidden, cell = token_lstm_step(
            weights.reader, feature, state.token, state.hidden, state.cell, out.reader,
            None if buffers is None else out.logits[t])
        token = torch.argmax(logits, -1, out=None if buffers is None else out.tokens[t])
        return SIGAState(branches, hidden, cell, token), logits

"""The ordinary 1-D attention decoder: what SIGA starts from."""
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..encoders import GlyphEncoding
from ..layers import (
    AttentionDecoder,
    BranchBuffers,
    BranchMemory,
    BranchState,
    BranchWeights,
    branch_buffers,
    branch_memory,
    branch_start,
    branch_step,
    stack_branches,
)
from ..losses.word_loss import WordOutputs
from .greedy import GreedyWordDecoder


class AttentionState(NamedTuple):
    """What a step hands to the next."""

    branches: BranchState  # of the one decoder
    token: Tensor  # (N,)


@MODELS.register_module()
class ImplicitAttentionDecoder(GreedyWordDecoder):
    """Additive-attention LSTM decoder over a column sequence, without glyph features.

    Together with ``SIGAEncoder(pyramid=None)`` it is the recogniser that SIGA starts from.

    Args:
        dictionary (dict or Dictionary): Needs an end token.
        in_channels (int): Channels D of the context. Defaults to 256.
        hidden_size (int): LSTM units. Defaults to 256.
        module_loss (dict, optional): Defaults to ``dict(type='WordLoss')``.
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

    def reading_weights(self, composed: bool = False) -> BranchWeights:
        """The weights in the form that steps read."""
        return stack_branches([self.cell], composed)

    def reading_memory(self, weights: BranchWeights, encoding: GlyphEncoding) -> BranchMemory:
        """Project the context."""
        return branch_memory(weights, encoding.context, valid=encoding.valid)

    def reading_start(self, weights: BranchWeights, context: Tensor) -> AttentionState:
        """Zeros and the start token."""
        branches = branch_start(weights, context)
        return AttentionState(branches, branches.tokens[0])

    def reading_buffers(self, weights: BranchWeights, memory: BranchMemory, state: AttentionState,
                        steps: int) -> BranchBuffers:
        """Room for so many steps."""
        return branch_buffers(weights, memory, steps)

    def reading_step(self, weights: BranchWeights, memory: BranchMemory, state: AttentionState, t,
                     buffers: Optional[BranchBuffers] = None) -> tuple[AttentionState, Tensor]:
        """One step: the new state and logits (N, K)."""
        branches, output = branch_step(weights, memory, state.branches, t,
                                       buffers or BranchBuffers())
        return AttentionState(branches, branches.tokens[0]), output.logits[0]

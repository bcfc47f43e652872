from __future__ import annotations

from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType, OptConfigType
from torch import Tensor, nn

from ..layers import AttentionDecoder, BidirectionalLSTM


@MODELS.register_module()
class ImplicitAligner(BaseModule):
    """The 1-D attention decoder whose attention cuts the text mask into characters.

    Two BiLSTMs over the visual columns and an :class:`AttentionDecoder` (SIGA, CVPR 2023, implicit
    attention alignment), whose ``coverage`` may be set. It runs in training only.
    """

    def __init__(self, in_channels: int, num_classes: int, hidden_size: int = 256,
                 coverage: OptConfigType = None, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.context = nn.ModuleList([
            BidirectionalLSTM(in_channels, hidden_size, hidden_size),
            BidirectionalLSTM(hidden_size, hidden_size, hidden_size)])
        self.decoder = AttentionDecoder(hidden_size, hidden_size, num_classes,
                                        coverage=coverage)

    def forward(self, sequence: Tensor, tokens: Tensor,
                valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Columns (N, w, C) and previous characters (N, T), the start token (index K) first ->
        logits (N, T, K) and attention (N, T, w). ``valid`` (N, w) is False on padding.
        """
        for layer in self.context:
            sequence = layer(sequence, valid)
        return self.decoder(sequence, tokens, valid=valid)

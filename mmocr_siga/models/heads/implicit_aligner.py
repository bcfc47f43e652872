from typing import Optional

from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..layers import AttentionDecoder, BidirectionalLSTM


@MODELS.register_module()
class ImplicitAligner(BaseModule):
    """The 1-D attention decoder whose attention cuts the text mask into characters.

    Two BiLSTMs over the visual columns and an :class:`AttentionDecoder` (SIGA, CVPR 2023, implicit
    attention alignment). It runs in training only.

    Args:
        in_channels (int): Channels C of the columns.
        num_classes (int): Classes K of the dictionary.
        hidden_size (int): LSTM units. Defaults to 256.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to None.
    """

    def __init__(self, in_channels: int, num_classes: int, hidden_size: int = 256,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.context = nn.Sequential(
            BidirectionalLSTM(in_channels, hidden_size, hidden_size),
            BidirectionalLSTM(hidden_size, hidden_size, hidden_size))
        self.decoder = AttentionDecoder(hidden_size, hidden_size, num_classes)

    def forward(self, sequence: Tensor, tokens: Tensor,
                valid: Optional[Tensor] = None) -> tuple[Tensor, Tensor]:
        """Align.

        Args:
            sequence (Tensor): Visual columns (N, w, C).
            tokens (Tensor): Previous characters (N, T), the start token (index K) first.
            valid (Tensor, optional): (N, w) bool, False where a column is padding.

        Returns:
            tuple: Logits (N, T, K) and attention (N, T, w), each row summing to 1.
        """
        logits, steps = self.decoder(self.context(sequence), tokens, valid=valid)
        return logits, steps.attention

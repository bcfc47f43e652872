from __future__ import annotations

from mmengine.logging import MessageHub
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor

from ..layers import word_lengths
from ..losses.functional import repeated_attention_loss
from .base import ForwardPass, Plugin


@MODELS.register_module()
class CoverageLoss(Plugin):
    """Keeps an attention from looking at what it has read before, without parameters; formula and
    source: :func:`mmocr_siga.models.losses.functional.repeated_attention_loss`.

    The steps of a word are those of its characters: its end has to look somewhere.

    Args:
        weight: Of the loss, which grows with the length of a word. A tenth makes it about the mean
            over steps of the source; 1 keeps small hosts from learning to read.
        start: Iteration of the training from which it counts. The source switches it on late, when
            the attention has peaks; earlier it hinders their forming.
    """

    needs_attention = True

    def __init__(self, weight: float = 0.1, start: int = 0,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if start < 0:
            raise ValueError(f'start is an iteration, from 0 on, but is {start}')
        self.weight = weight
        self.start = start

    def loss(self, run: ForwardPass) -> dict[str, Tensor]:
        """``loss_repetition``."""
        attention = run.attention
        # Of the running trainer, also of one that has been resumed.
        iteration = MessageHub.get_current_instance().runtime_info.get('iter', 0)
        weight = self.weight if iteration >= self.start else 0.0
        lengths = word_lengths(run.data_samples, attention.shape[1], attention.device)
        return dict(loss_repetition=weight * repeated_attention_loss(attention, lengths))

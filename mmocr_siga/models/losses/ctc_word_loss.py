from collections.abc import Sequence

from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ...structures.words import WordOutputs
from ..layers.ctc import ctc_losses
from .word_loss import WordLoss

_IMPOSSIBLE = 5e3


@MODELS.register_module()
class CTCWordLoss(WordLoss):
    """Negative log probability of the label over all its alignments with the columns (Graves et
    al., ICML 2006), per character, mean over the words of a batch. Arguments are those of
    :class:`WordLoss`.

    A word that has more characters than its columns can tell gives no loss; how many of a batch
    have is told as ``unalignable``.
    """

    def forward(self, outputs: WordOutputs,
                data_samples: Sequence[TextRecogDataSample]) -> dict[str, Tensor]:
        """``loss_ctc`` and ``unalignable``."""
        columns, targets = outputs.logits['columns'], outputs.targets
        losses = ctc_losses(columns, targets.tokens[:, 1:], data_samples,
                            self.dictionary.padding_idx, zero_infinity=True)
        # Infinite losses are 0 now; through padding that is left out they are only very large.
        impossible = (losses == 0) & (targets.lengths > 0) | (losses > _IMPOSSIBLE)
        per_character = losses / targets.lengths.clamp(min=1)
        return dict(loss_ctc=per_character.masked_fill(impossible, 0).mean(),
                    unalignable=impossible.sum().float())

from collections.abc import Sequence

import torch
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor
from torch.nn import functional as F

from ...structures.words import WordOutputs
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
        # On the host, from which the operator takes them without waiting.
        lengths = torch.tensor([min(len(sample.gt_text.indexes), self.max_seq_len)
                                for sample in data_samples])
        steps = torch.full_like(lengths, columns.shape[1])
        losses = F.ctc_loss(columns.transpose(0, 1), targets.tokens[:, 1:], steps, lengths,
                            blank=self.dictionary.padding_idx, reduction='none',
                            zero_infinity=True)
        # Infinite losses are 0 now; through padding that is left out they are only very large.
        impossible = (losses == 0) & (targets.lengths > 0) | (losses > _IMPOSSIBLE)
        per_character = losses / targets.lengths.clamp(min=1)
        return dict(loss_ctc=per_character.masked_fill(impossible, 0).mean(),
                    unalignable=impossible.sum().float())

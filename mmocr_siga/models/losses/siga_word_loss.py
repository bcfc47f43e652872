from collections.abc import Sequence
from typing import NamedTuple

from mmocr.models.textrecog.module_losses import BaseTextRecogModuleLoss
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..layers.targets import WordTargets, word_loss


class WordOutputs(NamedTuple):
    """What a decoder's ``forward_train`` hands to :class:`SIGAWordLoss`."""

    logits: dict[str, Tensor]  # (N, T, K) per branch
    targets: WordTargets


@MODELS.register_module()
class SIGAWordLoss(BaseTextRecogModuleLoss):
    """Cross-entropy of every word branch of a decoder, mean over characters and end tokens.

    Args:
        dictionary (dict or Dictionary): The dictionary; a decoder fills it in.
        max_seq_len (int): Characters at most; a decoder fills it in. Defaults to 25.
        letter_case (str): 'unchanged', 'upper' or 'lower': what is done to the labels. Defaults to
            'unchanged'.
        pad_with (str): As in MMOCR's losses; only concerns ``gt_text.padded_indexes``, which other
            components may read. Defaults to 'auto'.
    """

    def forward(self, outputs: WordOutputs,
                data_samples: Sequence[TextRecogDataSample]) -> dict[str, Tensor]:
        """One loss per branch, named ``loss_<branch>``."""
        return {f'loss_{name}': word_loss(logits, outputs.targets.targets)
                for name, logits in outputs.logits.items()}

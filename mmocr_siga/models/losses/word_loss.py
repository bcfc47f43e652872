from collections.abc import Sequence
from typing import Union

from mmocr.models.common import Dictionary
from mmocr.models.textrecog.module_losses import BaseTextRecogModuleLoss
from mmocr.registry import MODELS, TASK_UTILS
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ...structures.words import WordOutputs
from ...text.dictionary import natural_letter_case
from ..layers import word_loss


@MODELS.register_module()
class WordLoss(BaseTextRecogModuleLoss):
    """Cross-entropy of every word branch of a decoder, mean over characters and end tokens.

    Args:
        dictionary: A decoder fills it in, as ``max_seq_len``.
        letter_case: What is done to the labels: 'unchanged', 'upper', 'lower', or 'auto': 'lower'
            or 'upper' for a dictionary whose letters are all of that case.
        pad_with: As in MMOCR's losses.
    """

    def __init__(self, dictionary: Union[dict, Dictionary], max_seq_len: int = 25,
                 letter_case: str = 'auto', pad_with: str = 'auto') -> None:
        if isinstance(dictionary, dict):
            dictionary = TASK_UTILS.build(dictionary)
        if letter_case == 'auto':
            letter_case = natural_letter_case(dictionary)
        super().__init__(dictionary=dictionary, max_seq_len=max_seq_len, letter_case=letter_case,
                         pad_with=pad_with)

    def forward(self, outputs: WordOutputs,
                data_samples: Sequence[TextRecogDataSample]) -> dict[str, Tensor]:
        """One loss per branch, named ``loss_<branch>``."""
        return {f'loss_{name}': word_loss(logits, outputs.targets.targets)
                for name, logits in outputs.logits.items()}

from collections.abc import Sequence
from typing import Union

from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ...structures.words import WordOutputs
from ..layers import targets_of_all_steps, word_loss
from .word_loss import WordLoss


@MODELS.register_module()
class SRNModuleLoss(WordLoss):
    r"""Loss of SRN (CVPR 2020, Eq. of the objective function): :math:`\alpha_e L_e + \alpha_r L_r +
    \alpha_f L_f`, the cross-entropies of the glimpses, of reasoning and of both; the mean over
    steps and samples each. Other branches have weight 1.

    Args:
        visual_weight, semantic_weight, final_weight: Of 'word_visual', 'word_semantic', 'word'.
        ask_after_end: Whether the steps after a word are asked for end tokens, all T of them.
            Reasoning reads these steps too, so without it GSRM wants an ``end_idx``.
    """

    def __init__(self, dictionary: Union[dict, Dictionary], max_seq_len: int = 25,
                 letter_case: str = 'auto', pad_with: str = 'auto', visual_weight: float = 1.0,
                 semantic_weight: float = 0.15, final_weight: float = 2.0,
                 ask_after_end: bool = True) -> None:
        super().__init__(dictionary, max_seq_len, letter_case, pad_with)
        self.weights = dict(word_visual=visual_weight, word_semantic=semantic_weight,
                            word=final_weight)
        self.ask_after_end = ask_after_end

    def forward(self, outputs: WordOutputs,
                data_samples: Sequence[TextRecogDataSample]) -> dict[str, Tensor]:
        """One weighted loss per branch, named ``loss_<branch>``."""
        losses, (_, targets, lengths, _) = {}, outputs.targets
        for name, logits in outputs.logits.items():
            asked = targets if not self.ask_after_end else targets_of_all_steps(
                targets, lengths, self.dictionary.end_idx, logits.shape[1])
            loss = word_loss(logits[:, :asked.shape[1]], asked)
            losses[f'loss_{name}'] = self.weights.get(name, 1.0) * loss
        return losses

from collections.abc import Sequence
from typing import Any, Optional, Union

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.registry import TASK_UTILS
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..layers import Hypothesis, WordTargets, steps_nbest, word_targets


class WordDecoder(BaseDecoder):
    """What the decoders of this package share: the start token, targets and early stopping.

    Class indices are the dictionary's; the start token is one row behind them in the decoders'
    embeddings, whatever special tokens the dictionary has.

    Args:
        dictionary (dict or Dictionary): Needs an end token (``with_end=True``).
        module_loss (dict, optional): Defaults to ``dict(type='WordLoss')``.
        postprocessor (dict, optional): Defaults to ``dict(type='AttentionPostprocessor')``.
        max_seq_len (int): Characters at most; one more step decides on the end. Defaults to 25.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 dictionary: Union[dict, Dictionary],
                 module_loss: Optional[dict] = None,
                 postprocessor: Optional[dict] = None,
                 max_seq_len: int = 25,
                 init_cfg: Optional[Union[dict, list[dict]]] = None) -> None:
        if not isinstance(dictionary, Dictionary):
            dictionary = TASK_UTILS.build(dictionary)
        if dictionary.end_idx is None:
            raise ValueError(f'{type(self).__name__} needs a dictionary with an end token: set '
                             'with_end=True')
        if postprocessor is None:
            ignored = [] if dictionary.padding_idx is None else ['padding']
            postprocessor = dict(type='AttentionPostprocessor', ignore_chars=ignored)
        super().__init__(
            dictionary=dictionary, module_loss=module_loss or dict(type='WordLoss'),
            postprocessor=postprocessor, max_seq_len=max_seq_len, init_cfg=init_cfg)
        self.num_classes = dictionary.num_classes

    def targets(self, data_samples: Sequence[TextRecogDataSample],
                device: torch.device) -> WordTargets:
        """Decoder inputs and targets of a batch."""
        return word_targets(data_samples, self.dictionary.end_idx, self.num_classes,
                            self.max_seq_len, device)

    def loss(self, feat: Optional[Sequence[Tensor]] = None, out_enc: Optional[tuple] = None,
             data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> dict[str, Tensor]:
        """Teacher-forced losses, in training and in evaluation mode alike."""
        data_samples = self.module_loss.get_targets(data_samples)
        return self.module_loss(self.forward_train(feat, out_enc, data_samples), data_samples)

    def nbest(self, out_enc: Any, count: int, width: Optional[int] = None,
              data_samples: Optional[Sequence[TextRecogDataSample]] = None
              ) -> list[list[Hypothesis]]:
        """The most probable words; exact for decoders whose steps do not wait for each other.

        Args:
            out_enc (Any): The encoder's output.
            count (int): Hypotheses for each word.
            width (int, optional): Beams, where there is something to search. Defaults to None.
            data_samples (Sequence[TextRecogDataSample], optional): As in ``forward_test``.

        Returns:
            list[list[Hypothesis]]: For each word up to ``count``, best first.
        """
        return steps_nbest(self.forward_test(None, out_enc, data_samples),
                           self.dictionary.end_idx, count)

    def collect(self, logits: list[Tensor]) -> Tensor:
        """Probabilities (N, T, K) of the steps that ran, filled up to T with the end token."""
        probabilities = torch.stack([step.float() for step in logits], 1).softmax(-1)
        missing = self.max_seq_len + 1 - len(logits)
        if missing == 0:
            return probabilities
        end = probabilities.new_zeros(len(probabilities), missing, self.num_classes)
        end[..., self.dictionary.end_idx] = 1
        return torch.cat([probabilities, end], 1)

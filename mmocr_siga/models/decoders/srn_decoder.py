"""SRN's decoder: look in parallel, reason in parallel, fuse."""
from collections.abc import Sequence
from typing import Optional, Union

from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import OptConfigType
from torch import Tensor

from ..layers import valid_columns
from ..losses.word_loss import WordOutputs
from .base import WordDecoder


@MODELS.register_module()
class SRNDecoder(WordDecoder):
    """Semantic reasoning network (SRN, CVPR 2020): :class:`PVAM`, :class:`GSRM`, :class:`VSFD`.

    No step waits for another, in training as in reading. Columns that show padding, as the samples'
    ``valid_ratio`` tells, are not attended to.

    Args:
        dictionary (dict or Dictionary): Needs an end token.
        in_channels (int): Channels of the encoder's map. Defaults to 512.
        channels (int): Channels D of glimpses and semantic features. Defaults to 512.
        pvam (dict, optional): Changes to PVAM's config. Defaults to None.
        gsrm (dict, optional): Changes to GSRM's config. Defaults to None.
        cut_at_end (bool): Whether GSRM takes what is read behind the first end token for end tokens
            (its ``end_idx``). Defaults to False, as in the paper.
        module_loss (dict, optional): Defaults to ``dict(type='SRNModuleLoss')``.
        postprocessor (dict, optional): Defaults to ``dict(type='AttentionPostprocessor')``.
        max_seq_len (int): Characters at most; one more step decides on the end. Defaults to 25.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 dictionary: Union[dict, Dictionary],
                 in_channels: int = 512,
                 channels: int = 512,
                 pvam: OptConfigType = None,
                 gsrm: OptConfigType = None,
                 cut_at_end: bool = False,
                 module_loss: Optional[dict] = None,
                 postprocessor: Optional[dict] = None,
                 max_seq_len: int = 25,
                 init_cfg: Optional[Union[dict, list[dict]]] = None) -> None:
        super().__init__(dictionary=dictionary,
                         module_loss=module_loss or dict(type='SRNModuleLoss'),
                         postprocessor=postprocessor, max_seq_len=max_seq_len, init_cfg=init_cfg)
        shape = dict(channels=channels, num_steps=max_seq_len + 1)
        self.pvam = MODELS.build(dict(type='PVAM', in_channels=in_channels, **shape)
                                 | dict(pvam or {}))
        end_idx = self.dictionary.end_idx if cut_at_end else None
        self.gsrm = MODELS.build(
            dict(type='GSRM', num_classes=self.num_classes, end_idx=end_idx, **shape)
            | dict(gsrm or {}))
        self.vsfd = MODELS.build(
            dict(type='VSFD', num_classes=self.num_classes, channels=channels))

    def forward_train(self, feat: Union[Tensor, Sequence[Tensor]], out_enc: Optional[Tensor],
                      data_samples: Sequence[TextRecogDataSample]) -> WordOutputs:
        """Logits (N, T, K) of the glimpses, of reasoning, and of both."""
        logits = self.read(feat, out_enc, data_samples)
        return WordOutputs(logits, self.targets(data_samples, logits['word'].device))

    def forward_test(self, feat: Union[Tensor, Sequence[Tensor], None], out_enc: Optional[Tensor],
                     data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> Tensor:
        """Probabilities (N, max_seq_len + 1, K)."""
        return self.read(feat, out_enc, data_samples)['word'].float().softmax(-1)

    def read(self, feat: Union[Tensor, Sequence[Tensor], None], out_enc: Optional[Tensor],
             data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> dict[str, Tensor]:
        """All logits: 'word_visual', 'word_semantic' and 'word', (N, T, K) each.

        Args:
            feat (Tensor or Sequence[Tensor]): The backbone's output, read (the last of several)
                where there is no encoder.
            out_enc (Tensor, optional): The encoder's map (N, C, h, w).
            data_samples (Sequence[TextRecogDataSample], optional): For ``valid_ratio``.
        """
        if out_enc is None:
            out_enc = feat if isinstance(feat, Tensor) else feat[-1]
        valid = valid_columns(data_samples, out_enc.shape[-1], out_enc.device)
        glimpses = self.pvam(out_enc, valid).glimpses
        reasoning = self.gsrm(glimpses)
        return dict(word_visual=reasoning.visual_logits, word_semantic=reasoning.logits,
                    word=self.vsfd(glimpses, reasoning.features))

"""SRN's decoder: look in parallel, reason in parallel, fuse."""
from __future__ import annotations

from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import OptConfigType
from torch import Tensor

from ..layers import ParallelGlimpses, valid_columns
from ..utils.feature_hooks import FeatureHook, FeatureHooks
from .base import Samples, WordDecoder


@MODELS.register_module()
class SRNDecoder(WordDecoder):
    """Semantic reasoning network (SRN, CVPR 2020): :class:`PVAM`, :class:`GSRM`, :class:`VSFD`.

    Args:
        in_channels: Channels of the encoder's map.
        channels: Channels D of glimpses and semantic features.
        pvam, gsrm: Changes to the configs of the parts.
        cut_at_end: Whether GSRM takes what is read after the first end token for end tokens (its
            ``end_idx``). False in the paper.
        **kwargs: As in :class:`WordDecoder`; the loss is an ``SRNModuleLoss`` by default.
    """

    parallel = True

    def __init__(self, dictionary: dict | Dictionary, in_channels: int = 512, channels: int = 512,
                 pvam: OptConfigType = None, gsrm: OptConfigType = None, cut_at_end: bool = False,
                 module_loss: dict | None = None, **kwargs) -> None:
        super().__init__(dictionary, module_loss=module_loss or dict(type='SRNModuleLoss'),
                         **kwargs)
        shape = dict(channels=channels, num_steps=self.max_seq_len + 1)
        self.pvam = MODELS.build(dict(type='PVAM', in_channels=in_channels, **shape)
                                 | dict(pvam or {}))
        end_idx = self.dictionary.end_idx if cut_at_end else None
        self.gsrm = MODELS.build(
            dict(type='GSRM', num_classes=self.num_classes, end_idx=end_idx, **shape)
            | dict(gsrm or {}))
        self.vsfd = MODELS.build(
            dict(type='VSFD', num_classes=self.num_classes, channels=channels))

    def prepare(self, memory: Tensor,
                data_samples: Samples | Tensor | None = None) -> ParallelGlimpses:
        """Glimpses of a map (N, C, h, w)."""
        return self.pvam(memory, valid_columns(data_samples, memory.shape[-1], memory.device))

    def step(self, cache: ParallelGlimpses, state: None, tokens: Tensor | None,
             t: int) -> tuple[None, dict[str, Tensor], Tensor]:
        """All T steps: logits of the glimpses, of reasoning, and of both."""
        reasoning = self.gsrm(cache.glimpses)
        logits = dict(word_visual=reasoning.visual_logits, word_semantic=reasoning.logits,
                      word=self.vsfd(cache.glimpses, reasoning.features))
        return None, logits, cache.attention

    def feature_hooks(self) -> FeatureHooks:
        # What PVAM's keys are made of, with a Transformer before them or without.
        return FeatureHooks(FeatureHook('decoder.pvam.key', 'input'), 'decoder.gsrm.classifier',
                            FeatureHook('decoder.steps', index='attention'),
                            size_like=FeatureHook('decoder.pvam', 'input'), in_reading=True)

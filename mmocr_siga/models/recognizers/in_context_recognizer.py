from __future__ import annotations

from collections.abc import Sequence

import torch
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import RecSampleList
from torch import Tensor, nn

from ..decoders import InContextDecoder
from .glyph_recognizer import GlyphRecognizer


@MODELS.register_module()
class InContextRecognizer(GlyphRecognizer):
    """A recognizer that learns a domain from labelled words in its input (E2STR, CVPR 2024, arXiv
    2311.13120): a backbone, an encoder of tokens and an :class:`InContextDecoder`.

    Args:
        group_size: Words S of a row in training: a batch is rows of S consecutive words, which
            should have to do with each other. 1 trains plainly; of several one is drawn each step.
        frozen: Modules, as 'backbone.layer1', that stay as they are: their weights get no
            gradient, and they run in evaluation mode.
    """

    def __init__(self, group_size: int | Sequence[int] = 1, frozen: Sequence[str] = (),
                 **kwargs) -> None:
        super().__init__(**kwargs)
        if not isinstance(self.decoder, InContextDecoder):
            raise TypeError('an InContextRecognizer needs an InContextDecoder, but has a '
                            f'{type(self.decoder).__name__}')
        sizes = (group_size, ) if isinstance(group_size, int) else tuple(group_size)
        if not sizes or min(sizes) < 1:
            raise ValueError(f'group_size must be positive, but is {group_size}')
        self.group_sizes, self.frozen = sizes, tuple(frozen)
        for module in self._frozen():
            module.requires_grad_(False)

    def _frozen(self) -> list[nn.Module]:
        return [self.get_submodule(name) for name in self.frozen]

    def train(self, mode: bool = True) -> InContextRecognizer:
        super().train(mode)
        for module in self._frozen():
            module.eval()
        return self

    def loss(self, inputs: Tensor, data_samples: RecSampleList, **kwargs) -> dict[str, Tensor]:
        """Losses of normalized images (N, 3, H, W), rows of words one after the other."""
        size = self.group_sizes[int(torch.randint(len(self.group_sizes), ()))]
        feat, tokens = self._encoded(inputs, data_samples)
        return self.decoder.loss(feat, tokens, data_samples, group_size=size)

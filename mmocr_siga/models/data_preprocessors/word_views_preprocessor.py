from __future__ import annotations

import torch
from mmocr.registry import MODELS

from ..layers.targets import to_device
from .word_data_preprocessor import WordDataPreprocessor


@MODELS.register_module()
class WordViewsPreprocessor(WordDataPreprocessor):
    """:class:`WordDataPreprocessor` for words of which there are two views each.

    A batch crosses over in one copy, as bytes. Words of one view are treated as there.
    """

    def forward(self, data: dict, training: bool = False) -> dict:
        """``inputs``: N tensors (2, C, H, W), or one of (N, 2, C, H, W) -> normalized, float32
        (2N, C, H, W), the regular views of all words first."""
        views = data['inputs']
        if views[0].dim() != 4:
            return super().forward(data, training)
        if not isinstance(views, torch.Tensor):
            views = torch.stack(list(views))
        views = to_device(views, self.device).transpose(0, 1).flatten(0, 1)
        return dict(data, inputs=self._normalized(views))

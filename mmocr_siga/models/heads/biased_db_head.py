from typing import Any

from mmengine.model import Sequential
from mmocr.models.textdet.heads import DBHead
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import nn

INIT = [dict(type='Kaiming', layer='Conv'),
        dict(type='Constant', layer='BatchNorm', val=1., bias=1e-4)]


@MODELS.register_module()
class BiasedDBHead(DBHead):
    """MMOCR's head of DBNet (Liao et al., AAAI 2020) whose probability branch has biases and no
    normalization, as in weights whose batch norms were folded. The threshold branch, which such
    weights lack, is MMOCR's."""

    def __init__(self, in_channels: int = 96, init_cfg: InitConfigType = INIT,
                 **kwargs: Any) -> None:
        super().__init__(in_channels, init_cfg=init_cfg, **kwargs)
        width = in_channels // 4
        self.binarize = Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(inplace=True),
            nn.ConvTranspose2d(width, width, 2, 2), nn.ReLU(inplace=True),
            nn.ConvTranspose2d(width, 1, 2, 2))

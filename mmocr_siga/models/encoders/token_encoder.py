from collections.abc import Sequence

from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType, RecSampleList
from torch import Tensor, nn


@MODELS.register_module()
class TokenEncoder(BaseModule):
    """The tokens of a backbone's last map as a memory for MMOCR's ``NRTRDecoder``: two linear
    layers with a GELU between and dropout after them (CCD, ICCV 2023, fine-tuning)."""

    def __init__(self, in_channels: int, out_channels: int = 512, dropout: float = 0.1,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.layers = nn.Sequential(
            nn.Linear(in_channels, out_channels), nn.GELU(), nn.Linear(out_channels, out_channels),
            nn.Dropout(dropout))

    def forward(self, feat: Sequence[Tensor], data_samples: RecSampleList = None) -> Tensor:
        """Maps, the last of them (N, E, h, w) -> (N, h * w, C)."""
        return self.layers(feat[-1].flatten(2).transpose(1, 2))

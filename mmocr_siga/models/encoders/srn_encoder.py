from collections.abc import Sequence
from typing import Optional

from mmocr.models.textrecog.encoders import BaseEncoder
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType, OptConfigType
from torch import Tensor
from torch.nn import functional as F

from .siga_encoder import check_maps


@MODELS.register_module()
class SRNEncoder(BaseEncoder):
    """Aggregate the stages of a backbone into one map (SRN, CVPR 2020, section 3.1).

    MMDetection's FPN relates the stages; its levels are brought to the size of the finest and
    added. ``in_channels`` go from fine to coarse, by default those of stages 3 to 5 of ResNet50;
    ``neck`` holds changes to the FPN's config.
    """

    def __init__(self, in_channels: Sequence[int] = (512, 1024, 2048), channels: int = 512,
                 neck: OptConfigType = None, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.in_channels = tuple(in_channels)
        cfg = dict(type='mmdet.FPN', norm_cfg=dict(type='BN'))
        cfg.update(neck or {})
        self.neck = MODELS.build(dict(
            cfg, in_channels=list(in_channels), out_channels=channels, num_outs=len(in_channels)))

    def forward(self, feat: Sequence[Tensor],
                data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> Tensor:
        """The backbone's outputs (N, C_i, h_i, w_i), finest first -> (N, C, h_0, w_0)."""
        check_maps(self, feat)
        finest, *coarser = self.neck(tuple(feat))
        size = finest.shape[-2:]
        return finest + sum(F.interpolate(level, size=size, mode='nearest') for level in coarser)

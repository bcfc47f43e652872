from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from .gated_fusion import GatedFusion


@MODELS.register_module()
class VSFD(BaseModule):
    r"""Visual-semantic fusion decoder of SRN (CVPR 2020, section 3.4).

    .. math::
        z_t = \sigma(W_z [g_t; s_t]), \quad f_t = z_t \odot g_t + (1 - z_t) \odot s_t

    and a linear layer tells the character from :math:`f_t`.
    """

    def __init__(self, num_classes: int, channels: int = 512,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.fusion = GatedFusion(channels, squash=False)
        self.classifier = nn.Linear(channels, num_classes)

    def forward(self, visual: Tensor, semantic: Tensor) -> Tensor:
        """Visual features g and semantic features s (..., D) -> logits (..., K)."""
        return self.classifier(self.fusion(visual, semantic))

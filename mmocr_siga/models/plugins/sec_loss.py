from __future__ import annotations

from mmocr.registry import MODELS
from torch import Tensor

from ..layers import character_presence
from ..losses.functional import check_pooling, sec_loss
from .base import ForwardPass, Plugin


@MODELS.register_module()
class SECLoss(Plugin):
    """Spatial existence classification (Gu et al., *Weakly Supervised Attention Rectification for
    Scene Text Recognition*, ICPR 2020), as a plug-in without parameters.

    Every position of the map that the attention reads goes through the recognizer's own classifier,
    and all together are asked which characters the word has. Positions that the attention leaves
    out, and which would hardly get a gradient, thus learn what they show. Formula:
    :func:`mmocr_siga.models.losses.functional.sec_loss`.
    """

    def __init__(self, loss_weight: float = 0.1, pooling: str = 'noisy_or',
                 init_cfg: dict | list[dict] | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        check_pooling(pooling)
        self.loss_weight = loss_weight
        self.pooling = pooling

    def loss(self, run: ForwardPass) -> dict[str, Tensor]:
        feature = run.feature
        logits = run.classify(feature.flatten(2).transpose(1, 2))
        presence = character_presence(run.data_samples, logits.shape[-1], logits.device)
        valid = run.valid(feature.shape[-1])
        if valid is not None:
            valid = valid[:, None].expand(-1, feature.shape[-2], -1).flatten(1)
        loss = sec_loss(logits, presence, valid, run.special_classes, self.pooling)
        return dict(loss_sec=self.loss_weight * loss)

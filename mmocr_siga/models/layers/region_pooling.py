import torch
from torch import Tensor


def pool_regions(features: Tensor, weights: Tensor) -> Tensor:
    """Mean of a feature map over each region, in float32 at least.

    Maps (N, C, h, w) and weights (N, K, h * w), as of
    :func:`~mmocr_siga.models.pseudo_labels.functional.region_weights` -> (N, K, C); 0 for a region
    without weight. (CCD, ICCV 2023.)
    """
    with torch.autocast(features.device.type, enabled=False):
        tokens = features.flatten(2).transpose(1, 2)
        tokens = tokens if tokens.dtype == torch.float64 else tokens.float()
        weights = weights.to(tokens.dtype)
        # Pixels are counted, so sums of whole numbers are exact, whatever the order.
        return (weights @ tokens) / weights.sum(2, keepdim=True).clamp(min=1)

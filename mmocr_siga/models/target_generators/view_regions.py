from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..layers.targets import to_device
from ..pseudo_labels.functional import character_regions, visible_regions, warp_labels


class ViewRegions(NamedTuple):
    """Characters of N words in both views of each."""

    labels: Tensor  # integers (2N, H, W), k on the k-th character; regular views first
    words: Tensor  # int64 (M,), 0 to N - 1: the word of each character that is in both views
    numbers: Tensor  # int64 (M,), its number less one


def stacked_masks(data_samples: Sequence[TextRecogDataSample], device: torch.device) -> Tensor:
    """Text masks of both views, bool (2N, H, W), regular views first."""
    masks = torch.stack([sample.gt_text_mask.data for sample in data_samples], 1).flatten(0, 1)
    return to_device(masks, device)


def given_regions(data_samples: Sequence[TextRecogDataSample],
                  device: torch.device) -> ViewRegions:
    """Characters as the samples have them; the host knows how many, and waits for nothing."""
    labels = torch.stack([sample.gt_regions.data for sample in data_samples], 1).flatten(0, 1)
    pairs = [sample.gt_pairs for sample in data_samples]
    words = torch.repeat_interleave(torch.tensor([len(each) for each in pairs]))
    index = to_device(torch.stack([words, torch.cat(pairs) - 1]), device)
    return ViewRegions(to_device(labels, device), *index)


def own_regions(masks: Tensor, data_samples: Sequence[TextRecogDataSample], min_pixels: int,
                max_regions: int, min_visible: float) -> ViewRegions:
    """Characters of other text masks of the regular views, bool (N, H, W). How many pairs there are
    is known on the device alone, so the host waits for it, once."""
    matrices = np.stack([sample.view_matrix for sample in data_samples])
    matrix = to_device(torch.from_numpy(matrices), masks.device)
    labels = character_regions(masks, min_pixels, max_regions)
    warped = warp_labels(labels, matrix)
    seen = visible_regions(labels, warped, matrix, max_regions, min_visible)
    return ViewRegions(torch.cat([labels, warped]), *seen.nonzero().T)

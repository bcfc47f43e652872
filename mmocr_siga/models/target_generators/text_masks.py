from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseDataPreprocessor
from mmocr.structures import TextRecogDataSample
from torch import Tensor
from torch.nn import functional as F

from ...geometry.tps import warp_masks
from ..layers import valid_columns
from ..layers.targets import to_device
from ..pseudo_labels.functional import masked_two_means

# ITU-R BT.601 luma, as OpenCV's color conversion.
LUMA = (0.299, 0.587, 0.114)


@torch.no_grad()
def denormalized(inputs: Tensor, preprocessor: BaseDataPreprocessor) -> Tensor:
    """Undo the normalization of a data preprocessor: (N, C, H, W) -> float32 in [0, 255]."""
    images = inputs.float()
    if getattr(preprocessor, '_enable_normalize', False):
        images = images * preprocessor.std + preprocessor.mean
    return images.clamp(0, 255)


def gray_images(inputs: Tensor, preprocessor: BaseDataPreprocessor) -> Tensor:
    """Undo normalization and colors: (N, 3 or 1, H, W) -> gray images (N, H, W) in [0, 255]."""
    images = denormalized(inputs, preprocessor)
    if images.shape[1] == 1:
        return images[:, 0]
    return luma(images, getattr(preprocessor, '_channel_conversion', False))


def luma(images: Tensor, rgb: bool = True) -> Tensor:
    """Pictures (N, 3, H, W) in RGB, or else BGR, with values in [0, 255] -> gray (N, H, W)."""
    # Plain numbers: a tensor of them would be copied to the device, and waited for.
    shares = LUMA if rgb else LUMA[::-1]
    return sum(share * channel for share, channel in zip(shares, images.unbind(1))).clamp(0, 255)


def batch_text_masks(data_samples: Sequence[TextRecogDataSample] | Tensor | None, gray: Tensor,
                     grid: Tensor | None = None) -> Tensor:
    """Text masks of a batch, (N, H, W) bool: those that the samples carry, or made here from the
    gray images; padding is background.

    Args:
        data_samples: N samples, each with ``gt_text_mask`` or none with it; or what else
            :func:`~mmocr_siga.models.layers.valid_columns` takes.
        gray: (N, H, W) in [0, 255], as the network sees them, padding included.
        grid: (N, H, W, 2), by which the images were rectified, and the samples' masks are here.

    Raises:
        ValueError: If only some samples carry a mask, or a mask does not fit its image.
    """
    given = [] if data_samples is None or isinstance(data_samples, Tensor) else [
        'gt_text_mask' in sample for sample in data_samples]
    if not any(given):
        valid = valid_columns(data_samples, gray.shape[-1], gray.device)
        return masked_two_means(gray, valid)
    if not all(given):
        raise ValueError(f'{sum(given)} of {len(given)} samples carry gt_text_mask: let all '
                         'datasets of a batch use the same pipeline')
    masks = [sample.gt_text_mask.data[0] for sample in data_samples]
    height, width = gray.shape[-2:]
    if grid is not None:
        height, width = data_samples[0].get('batch_input_shape', (height, width))
    for mask, sample in zip(masks, data_samples):
        shape = tuple(sample.get('img_shape', (height, width))[:2])
        if tuple(mask.shape) != shape:
            raise ValueError(f'text mask {tuple(mask.shape)} does not fit its image {shape} '
                             f'({sample.get("img_path", "no path")}): make the mask after the '
                             'last geometric transform of the pipeline')
    # Padding goes to the right and the bottom, as the data preprocessor pads the images.
    masks = [F.pad(mask, (0, width - mask.shape[1], 0, height - mask.shape[0])) for mask in masks]
    masks = to_device(torch.stack(masks), gray.device).bool()
    return masks if grid is None else warp_masks(masks, grid)

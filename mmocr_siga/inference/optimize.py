"""A recognizer for reading alone, in the form that is fastest."""
from __future__ import annotations

import copy
from collections import Counter

import torch
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

__all__ = ['optimize_for_inference']

_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


@torch.no_grad()
def optimize_for_inference(model: EncoderDecoderRecognizer, size: tuple[int, int] = (32, 128),
                           tolerance: float = 1e-3) -> EncoderDecoderRecognizer:
    """Fold and drop what reading does not need, in place; the model cannot be trained again.

    The training head goes, batch normalizations become part of the convolutions before them, and
    the decoder does its ``prepare_inference``. What is read stays the same, probabilities to
    rounding.

    Args:
        size: Height and width of its images.
        tolerance: What the probabilities of an example may change by.

    Raises:
        RuntimeError: If the model would read otherwise, as when something else uses the output of a
            convolution before a normalization, too. It then has its normalizations.
    """
    if model.training:
        raise ValueError('inference is optimized for a model in evaluation mode: call model.eval()')
    if getattr(model, 'glyph_head', None) is not None:
        model.glyph_head = None
    parameter = next(model.parameters())
    # Not by the preprocessor's means: one may stand for all three channels.
    channels = next((layer.in_channels for layer in model.modules()
                     if isinstance(layer, nn.Conv2d)), 3)
    example = torch.linspace(-2, 2, channels * size[0] * size[1], dtype=parameter.dtype,
                             device=parameter.device).reshape(1, channels, *size)
    folded = copy.deepcopy(model)
    _fold_normalizations(folded, example)
    if hasattr(folded.decoder, 'prepare_inference'):
        folded.decoder.prepare_inference()
    before, after = (reader(example, None, mode='tensor') for reader in (model, folded))
    if not torch.allclose(after, before, rtol=0, atol=tolerance):
        raise RuntimeError('the recognizer reads otherwise with its normalizations folded: one of '
                           'its convolutions feeds more than the normalization after it')
    for name, child in folded.named_children():
        setattr(model, name, child)
    return model.requires_grad_(False)


def _fold_normalizations(model: nn.Module, example: Tensor) -> None:
    """Fold each normalization that is given the very output of a convolution, in place.

    Which these are is seen by running the model; MMCV's ``fuse_conv_bn`` goes by the order in which
    layers were made, which in MMOCR's ResNet is not that in which they run.
    """
    calls = []

    def note(module: nn.Module, args: tuple, output: Tensor) -> None:
        calls.append((module, args[0], output))

    names = {module: name for name, module in model.named_modules()
             if type(module) in (*_CONVOLUTIONS, nn.BatchNorm2d)}
    handles = [module.register_forward_hook(note) for module in names]
    model(example, None, mode='tensor')
    for handle in handles:
        handle.remove()
    count = Counter(module for module, *_ in calls)
    for norm, given, _ in calls:
        conv = next((module for module, _, output in calls if output is given), None)
        if not (type(norm) is nn.BatchNorm2d and norm.track_running_stats
                and type(conv) in _CONVOLUTIONS and count[norm] == count[conv] == 1):
            continue
        conv.weight, conv.bias = fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight,
            norm.bias, type(conv) is nn.ConvTranspose2d)
        parent, _, name = names[norm].rpartition('.')
        setattr(model.get_submodule(parent), name, nn.Identity())

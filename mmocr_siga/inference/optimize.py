"""A recogniser for reading alone, in the form that is fastest."""
from __future__ import annotations

import torch
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from ..models.decoders.greedy import GreedyWordDecoder
from ..models.layers import AdaptiveWinogradConv2d, WinogradConv2d

__all__ = ['fold_normalisations', 'optimize_for_reading']

# Channels from which Winograd's way takes less time, by size of the tiles.
WIDE = {2: 256, 4: 128}
# The same where tiles are chosen for each batch: of the narrower and of the wider side.
WIDE_ADAPTIVE = 64, 128
_CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)


def optimize_for_reading(model: EncoderDecoderRecognizer,
                         size: tuple[int, int] = (32, 128),
                         winograd: int | str | None = None,
                         tolerance: float = 1e-3) -> EncoderDecoderRecognizer:
    """Fold and drop what reading does not need; the model is changed and cannot be trained again.

    - The training head goes.
    - Batch normalisations become part of the convolutions that they follow.
    - The weights of a decoder that reads in a loop are kept in the form that its steps read.

    - With ``winograd``, 3x3 convolutions of many channels take fewer multiplications and more
      memory. This pays for large models on CPUs: tiles of 2 for single images, of 4 for batches,
      or 'auto' for what is faster for a layer and batch.

    What is read stays the same, probabilities to rounding (with tiles of 4 to about 1e-4).

    Args:
        model (EncoderDecoderRecognizer): The recogniser, in evaluation mode, float32 or wider.
        size (tuple[int, int]): Height and width of its images. Defaults to (32, 128).
        winograd (int or str, optional): Tiles of :class:`WinogradConv2d`, 2 or 4, or 'auto' for
            :class:`AdaptiveWinogradConv2d`. Defaults to None: plain convolutions.
        tolerance (float): What the probabilities of an example may change by when normalisations
            are folded. Defaults to 1e-3.

    Returns:
        EncoderDecoderRecognizer: The same model.

    Raises:
        ValueError: If the model is in training mode, or ``winograd`` another number.
        RuntimeError: From :func:`fold_normalisations`; the model then has its normalisations.
    """
    if winograd not in (None, 2, 4, 'auto'):
        raise ValueError(f"winograd must be 2, 4, 'auto' or None, but is {winograd!r}")
    if model.training:
        raise ValueError('reading is optimised for a model in evaluation mode: call model.eval()')
    if getattr(model, 'glyph_head', None) is not None:
        model.glyph_head = None
    parameter = next(model.parameters())
    # Not by the preprocessor's means: one may stand for all three channels.
    channels = next((layer.in_channels for layer in model.modules()
                     if isinstance(layer, nn.Conv2d)), 3)
    example = torch.linspace(-2, 2, channels * size[0] * size[1], dtype=parameter.dtype,
                             device=parameter.device).reshape(1, channels, *size)
    fold_normalisations(model, example, tolerance)
    if isinstance(model.decoder, GreedyWordDecoder):
        model.decoder.freeze_reading()
    if winograd is not None:
        _take_winograd(model, winograd)
    return model.requires_grad_(False)


def _take_winograd(model: nn.Module, tile: int | str) -> None:
    """Exchange the convolutions for which it pays."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if not WinogradConv2d.fits(child):
                continue
            narrow, wide = sorted((child.in_channels, child.out_channels))
            if tile != 'auto' and narrow >= WIDE[tile]:
                setattr(module, name, WinogradConv2d(child, tile))
            elif tile == 'auto' and narrow >= WIDE_ADAPTIVE[0] and wide >= WIDE_ADAPTIVE[1]:
                setattr(module, name, AdaptiveWinogradConv2d(child))


@torch.no_grad()
def fold_normalisations(model: EncoderDecoderRecognizer, example: Tensor,
                        tolerance: float = 1e-3) -> int:
    """Make batch normalisations part of the convolutions that they follow, in place.

    Which follows which is seen by running the model: only a normalisation that is given the very
    output of a convolution counts.

    Args:
        model (EncoderDecoderRecognizer): In evaluation mode.
        example (Tensor): Normalised images (N, C, H, W) that it can read.
        tolerance (float): What its output may change by. Defaults to 1e-3.

    Returns:
        int: How many there were.

    Raises:
        RuntimeError: If the model would read otherwise, as when something else uses the output of
            such a convolution, too. It then stays as it was.
    """
    before = model(example, None, mode='tensor')
    pairs = _followers(model, example)
    names = {module: name for name, module in model.named_modules()}
    kept = [(convolution, convolution.weight, convolution.bias) for convolution in pairs.values()]
    for norm, convolution in pairs.items():
        transpose = isinstance(convolution, nn.ConvTranspose2d)
        weight, bias = fuse_conv_bn_weights(
            convolution.weight, convolution.bias, norm.running_mean, norm.running_var, norm.eps,
            norm.weight, norm.bias, transpose)
        convolution.weight, convolution.bias = weight, bias
        _exchange(model, names[norm], nn.Identity())
    if not torch.allclose(model(example, None, mode='tensor'), before, rtol=0, atol=tolerance):
        for norm in pairs:
            _exchange(model, names[norm], norm)
        for convolution, weight, bias in kept:
            convolution.weight, convolution.bias = weight, bias
        raise RuntimeError('the recogniser reads otherwise with its normalisations folded: one of '
                           'its convolutions feeds more than the normalisation behind it')
    return len(pairs)


def _exchange(model: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition('.')
    setattr(model.get_submodule(parent), name, module)


def _followers(model: nn.Module, example: Tensor) -> dict[nn.Module, nn.Module]:
    """Each batch normalisation with the convolution whose output it is given."""
    made: list[tuple[Tensor, nn.Module]] = []
    calls: dict[nn.Module, list] = {}

    def note_output(module: nn.Module, args: tuple, output: Tensor) -> None:
        made.append((output, module))
        calls.setdefault(module, [])

    def note_input(module: nn.Module, args: tuple) -> None:
        source = next((m for output, m in made if output is args[0]), None)
        calls.setdefault(module, []).append(source)

    handles = [m.register_forward_hook(note_output) for m in model.modules()
               if type(m) in _CONVOLUTIONS]
    handles += [m.register_forward_pre_hook(note_input) for m in model.modules()
                if type(m) is nn.BatchNorm2d and m.track_running_stats]
    try:
        model(example, None, mode='tensor')
    finally:
        for handle in handles:
            handle.remove()
    sources = [source for found in calls.values() for source in found]
    uses = [module for _, module in made]
    return {module: found[0] for module, found in calls.items()
            if len(found) == 1 and found[0] is not None and sources.count(found[0]) == 1
            and uses.count(found[0]) == 1}

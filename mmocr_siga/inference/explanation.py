"""What any recogniser looked at while it read: masks, attention and glyph maps, as far as it has
them.

N batch, L characters read (no end mark), (H, W) the picture that the backbone saw, T steps, w
columns.
"""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.structures import LabelData
from mmocr.structures import TextRecogDataSample
from torch import Tensor, nn

from ..geometry.character_boxes import character_boxes
from ..models.decoders.base import WordDecoder
from ..models.encoders import GlyphEncoding
from ..models.heads import text_pixels
from ..models.plugins import GlyphPlugin, HostView, tap_for, teacher_forced_attention
from ..models.plugins.sites import Call, recorded
from ..models.target_generators.text_masks import denormalized

__all__ = ['WordEvidence', 'read_with_evidence']

# Whose attention is known without reading the word once more.
_PARALLEL = ('decoder.pvam', 'decoder.visual')


class WordEvidence(NamedTuple):
    """How a word was read. All maps lie over ``image``."""

    characters: tuple[str, ...]  # L; a token for unknown characters is one of them
    scores: tuple[float, ...]  # L, in [0, 1]
    image: np.ndarray  # what the backbone saw, padding included, uint8 BGR (H, W, 3)
    whole: bool  # whether that is the whole picture, neither padded nor straightened
    text_mask: np.ndarray | None  # (H, W) bool, as the recogniser predicts it
    attention: np.ndarray | None  # (L, w)
    glyph_maps: dict[str, np.ndarray]  # (L, h, w) per scale, without background
    char_boxes: np.ndarray | None  # (L, 4): x1, y1, x2, y2 in pixels of ``image``; NaN: unknown

    @property
    def text(self) -> str:
        """The word."""
        return ''.join(self.characters)


class _Reading(NamedTuple):
    """A batch that has just been read."""

    model: nn.Module
    inputs: Tensor
    samples: Sequence[TextRecogDataSample]
    calls: Mapping[str, Sequence[Call]]
    tokens: Tensor | None  # (N, T), of decoders of this package

    def output(self, path: str) -> Any:
        """What a module gave in its last call; None if it was not there."""
        calls = self.calls.get(path)
        return calls[-1].output if calls else None

    @property
    def encoding(self) -> GlyphEncoding | None:
        found = self.output('encoder')
        return found if isinstance(found, GlyphEncoding) else None

    @property
    def aligned(self) -> bool:
        """Whether a training head can tell where it looks for what was read."""
        return self.encoding is not None and self.tokens is not None and hasattr(
            getattr(self.model, 'glyph_head', None), 'aligner')


@torch.no_grad()
def read_with_evidence(model: nn.Module, inputs: Tensor,
                       data_samples: Sequence[TextRecogDataSample]) -> list[WordEvidence]:
    """Read words and tell what was looked at.

    The words are read by ``model.predict``, which also fills ``pred_text`` of the samples. Whatever
    the recogniser has is added: the glyph maps of :class:`SIGAEncoder` or :class:`GlyphPlugin`, the
    predicted text mask of their segmentation head, and an attention: that of SIGA's training head,
    of :class:`PVAM`, or, for the recognisers that :func:`tap_for` knows, the one with which the
    word is read once more. The model's modes and weights stay as they are.

    Args:
        model (nn.Module): A recogniser of MMOCR or of this package, in evaluation mode.
        inputs (Tensor): Normalised images (N, C, H, W), from ``model.data_preprocessor``.
        data_samples (Sequence[TextRecogDataSample]): Their samples.

    Returns:
        list[WordEvidence]: One for each word.

    Raises:
        ValueError: If the model is in training mode.
    """
    if model.training:
        raise ValueError('the model is in training mode, in which it does not read: call '
                         'model.eval() first')
    plugin, tap = _glyph_plugin(model)
    paths = ['preprocessor', 'encoder', 'decoder', *_PARALLEL]
    paths = [path for path in paths if _has(model, path)]
    if plugin is not None:
        paths += [*plugin.reads, *tap.paths(False)]
    calls: dict[str, list[Call]] = {}
    with recorded(model, paths, calls):
        model.predict(inputs, data_samples)
    reading = _Reading(model, inputs, data_samples, calls, _tokens(model, calls))
    texts = [_characters(model, sample) for sample in data_samples]
    maps, masks = _maps_and_masks(reading, plugin, tap)
    attention = _attention(reading)
    pictures = _pictures(reading)
    words = []
    for i, (characters, scores) in enumerate(texts):
        steps = _steps(reading, i, len(characters))
        glyphs = {scale: values[i][steps[:values.shape[1]]].float().cpu().numpy()
                  for scale, values in maps.items()}
        words.append(WordEvidence(
            characters, scores, pictures[i], _is_whole(model, data_samples[i]),
            None if masks is None else masks[i].cpu().numpy(),
            None if attention is None else attention[i][steps].float().cpu().numpy(),
            {scale: _filled(values, len(characters), 0) for scale, values in glyphs.items()},
            _boxes(glyphs, pictures[i].shape[1::-1], len(characters)) if glyphs else None))
    return words


def _has(model: nn.Module, path: str) -> bool:
    """Whether a model has a module at a path, and is not just without one there."""
    module: Any = model
    for part in path.split('.'):
        module = getattr(module, part, None)
    return isinstance(module, nn.Module)


def _glyph_plugin(model: nn.Module) -> tuple:
    """The first plug-in with glyph maps and the tap of the recogniser; None, None if there is
    none."""
    for plugin in getattr(model, 'plugins', {}).values():
        if isinstance(plugin, GlyphPlugin):
            return plugin, model._tap
    return None, None


def _tokens(model: nn.Module, calls: Mapping[str, Sequence[Call]]) -> Tensor | None:
    """Classes (N, T) as they were read, by the decoders of this package."""
    if not isinstance(getattr(model, 'decoder', None), WordDecoder) or not calls.get('decoder'):
        return None
    return calls['decoder'][-1].output.argmax(-1)


def _characters(model: nn.Module,
                sample: TextRecogDataSample) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """What was read, character by character, with the confidence of each."""
    text, scores = sample.pred_text.item, [float(s) for s in sample.pred_text.score]
    characters = list(text)
    if len(scores) != len(characters):
        # Tokens such as <UKN> are one character of the reading.
        dictionary = getattr(getattr(model, 'decoder', None), 'dictionary', None)
        names = [re.escape(c) for c in getattr(dictionary, 'dict', ()) if len(c) > 1]
        characters = re.findall('|'.join([*names, '.']), text, re.DOTALL)
    if len(scores) != len(characters):
        scores = [float(np.mean(scores)) if scores else 0.0] * len(characters)
    return tuple(characters), tuple(scores)


def _steps(reading: _Reading, number: int, length: int) -> list[int]:
    """Which decoding steps a word's characters come from."""
    if reading.tokens is None:
        return list(range(length))
    ignored = reading.model.decoder.postprocessor.ignore_indexes
    tokens = reading.tokens[number].tolist()
    return [t for t, token in enumerate(tokens) if token not in ignored][:length]


def _maps_and_masks(reading: _Reading, plugin: GlyphPlugin | None,
                    tap: Any) -> tuple[dict[str, Tensor], Tensor | None]:
    """Glyph maps (N, T, h, w) per scale, and text masks (N, H, W)."""
    encoding, head = reading.encoding, getattr(reading.model, 'glyph_head', None)
    logits, masks = {}, None
    if encoding is not None:
        logits = encoding.glyph_maps
        if hasattr(head, 'segmentation') and encoding.mask_feature is not None:
            skip = None
            if head.skip is not None:
                skip = reading.model.extract_feat(reading.inputs)[head.skip]
            masks = text_pixels(head.segmentation([encoding.mask_feature], skip))
    elif plugin is not None:
        host = HostView(reading.model, tap, reading.inputs, reading.samples)
        host.calls.update(reading.calls)
        glyphs = plugin(*(host.output(path) for path in plugin.reads), host.feature)
        logits, masks = glyphs.maps, text_pixels(plugin.segmentation([glyphs.fused]))
    return {scale: values.float().softmax(1)[:, 1:] for scale, values in logits.items()}, masks


def _attention(reading: _Reading) -> Tensor | None:
    """Weights (N, T, w) of each step over the columns."""
    if reading.aligned:
        encoding, tokens = reading.encoding, reading.tokens
        start = torch.full_like(tokens[:, :1], reading.model.decoder.num_classes)
        previous = torch.cat([start, tokens[:, :-1]], 1)
        return reading.model.glyph_head.aligner(encoding.sequence, previous, encoding.valid)[1]
    for path in _PARALLEL:
        glimpses = reading.output(path)
        if glimpses is not None:
            return _columns(reading, glimpses.attention)
    return _attention_once_more(reading)


def _columns(reading: _Reading, attention: Tensor) -> Tensor:
    """Attention (N, T, P) over the encoder's map, summed over its rows."""
    width = attention.shape[-1]
    seen = reading.output('encoder')
    if isinstance(seen, Tensor) and seen.dim() == 4:
        width = seen.shape[-1]
    return attention.unflatten(2, (-1, width)).sum(2)


def _attention_once_more(reading: _Reading) -> Tensor | None:
    """That of a recogniser told what it has read; None if it is not known where to find it."""
    model = reading.model
    try:
        tap = getattr(model, '_tap', None) or tap_for(model)
        tap.paths(True)
    except ValueError:
        return None
    samples = []
    for sample in reading.samples:
        told = TextRecogDataSample(gt_text=LabelData(item=sample.pred_text.item))
        told.set_metainfo({key: sample.metainfo[key] for key in ('valid_ratio', 'img_shape')
                           if key in sample.metainfo})
        samples.append(told)
    maps = teacher_forced_attention(model, reading.inputs, samples, tap)
    longest = max((len(sample.pred_text.score) for sample in reading.samples), default=0)
    return maps.sum(2) if maps.shape[1] >= longest else None


def _boxes(glyph_maps: Mapping[str, np.ndarray], size: tuple[int, int],
           length: int) -> np.ndarray:
    """Boxes of the characters in pixels."""
    return _filled(character_boxes(glyph_maps) * (size * 2), length, np.nan)


def _filled(values: np.ndarray, length: int, value: float) -> np.ndarray:
    """A row for each character, also for those behind the last one that a plug-in has maps for."""
    missing = [(0, length - len(values))] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values, missing, constant_values=value)


def _is_whole(model: nn.Module, sample: TextRecogDataSample) -> bool:
    return not getattr(model, 'with_preprocessor', False) and sample.get('valid_ratio', 1) >= 1


def _pictures(reading: _Reading) -> list[np.ndarray]:
    """What the backbone saw, uint8 BGR."""
    model, images = reading.model, reading.inputs
    rectified = reading.output('preprocessor')
    if isinstance(rectified, Tensor):
        images = rectified
    elif getattr(model, 'with_preprocessor', False) and hasattr(model, 'rectify'):
        images = model.rectify(images)[0]
    images = denormalized(images, model.data_preprocessor).round().byte().cpu()
    if getattr(model.data_preprocessor, '_channel_conversion', False):
        images = images.flip(1)
    return list(images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy())

"""What any recognizer looked at while it read, as far as it can be told.

N batch, L characters read (no end mark), (H, W) the picture that the backbone saw, T steps, w
columns.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.structures import LabelData
from mmocr.structures import TextRecogDataSample
from torch import Tensor, nn

from ..geometry.character_boxes import character_boxes
from ..models.decoders.base import WordDecoder
from ..models.plugins import ForwardPass, feature_hooks_of, teacher_forced_attention
from ..models.pseudo_labels.functional import two_means_mask
from ..models.target_generators.text_masks import LUMA, denormalized
from ..models.utils.feature_hooks import FeatureHooks, recorded
from ..structures.encodings import GlyphEncoding
from ..structures.explanation import Explanation
from ..structures.results import WordResult
from .pipelines import packed, picture_pipeline


def explain(model: nn.Module, image: str | np.ndarray,
            reading: WordResult | None = None) -> dict[str, Any]:
    """Read one word and explain it; :func:`mmocr_siga.visualization.draw_reading` draws that.

    Args:
        model: A recognizer in evaluation mode with its config as ``model.cfg``, for the test
            pipeline. Without a training head the text mask is the pseudo-label of the image and
            the attention the decoder's own; of others than SIGA there is what they have.
        image: Path of a picture, or a BGR array (H, W, 3).
        reading: What was read by a context, too; taken for the model's own.

    Returns:
        dict: ``text``, ``scores``, ``text_mask`` (H, W) bool or None, ``attention`` (L, w) or None,
        ``glyph_maps`` (dict of (L, h, w)), all over what the backbone sees: the whole picture, or
        that padded or straightened, then there too: ``rectified``, uint8 BGR (H, W, 3). Where
        single pixels are read, ``pixels`` as in :class:`Explanation`.
    """
    if getattr(model, 'cfg', None) is None:
        raise ValueError('explain needs the test pipeline: set model.cfg to the config that '
                         'the model was built from')
    seen = picture_reader(model, model.cfg)(image)
    if reading is not None and reading.by_context:
        seen = seen.of_reading(reading.text, reading.char_scores)
    mask = seen.text_mask
    if mask is None and seen.glyph_maps:
        gray = seen.image.astype(np.float32) @ np.float32(LUMA[::-1])
        mask = two_means_mask(torch.from_numpy(gray)[None])[0].numpy()
    more = {} if seen.whole else dict(rectified=seen.image)
    if seen.pixels is not None:
        more['pixels'] = seen.pixels
    return dict(text=seen.text, scores=list(seen.scores), glyph_maps=seen.glyph_maps,
                text_mask=mask, attention=seen.attention, **more)


def picture_reader(model: nn.Module, cfg: Any) -> Callable[[str | np.ndarray], Explanation]:
    """What reads and explains single pictures by the test pipeline in ``cfg`` and a model that is
    then in evaluation mode."""
    pipeline = picture_pipeline(cfg)

    def read(image: str | np.ndarray) -> Explanation:
        word = packed(pipeline, image)
        batch = dict(inputs=[word['inputs']], data_samples=[word['data_samples']])
        return explain_batch(model, **model.data_preprocessor(batch, False))[0]

    return read


@torch.no_grad()
def explain_batch(model: nn.Module, inputs: Tensor,
                  data_samples: Sequence[TextRecogDataSample]) -> list[Explanation]:
    """Read words and tell what was looked at.

    The words, normalized images (N, C, H, W), are read by ``model.predict``, which also fills
    ``pred_text`` of the samples. Whatever the recognizer has is added: the glyph maps of
    :class:`SIGAEncoder` or :class:`GlyphPlugin`, the text mask that their segmentation head
    predicts, and an attention: that of SIGA's training head, of a decoder that shows it in reading,
    or, where :func:`feature_hooks_of` knows it, the one with which the word is read once more.
    """
    if model.training:
        raise ValueError('the model is in training mode, in which it does not read: call '
                         'model.eval() first')
    plugin = next((p for p in getattr(model, 'plugins', {}).values() if hasattr(p, 'glyphs')), None)
    hooks = _hooks(model)
    paths = [path for path in ('preprocessor', 'backbone', 'encoder', 'decoder')
             if isinstance(getattr(model, path, None), nn.Module)]
    if plugin is not None:
        paths += [*plugin.reads, *hooks.paths(False)]
    if hooks is not None and hooks.in_reading:
        paths += hooks.paths(True)
    run = ForwardPass(model, hooks, inputs, data_samples)
    with recorded(model, paths, run.calls):
        model.predict(inputs, data_samples)
    maps, masks = _maps_and_masks(run, plugin)
    # Classes (N, T) as they were read, by the decoders of this package.
    is_ours = isinstance(getattr(model, 'decoder', None), WordDecoder)
    tokens = _output(run, 'decoder').argmax(-1) if is_ours else None
    attention, pictures = _attention(run, tokens), _pictures(run)
    words = []
    for i, sample in enumerate(data_samples):
        characters, scores = _characters(model, sample)
        length = len(characters)
        steps = list(range(length))
        if tokens is not None:
            # Steps that a character was read from.
            ignored = model.decoder.postprocessor.ignore_indexes
            steps = [t for t, k in enumerate(tokens[i].tolist()) if k not in ignored][:length]
        glyphs = {scale: values[i][steps[:values.shape[1]]].float().cpu().numpy()
                  for scale, values in maps.items()}
        boxes = None
        if glyphs:
            height, width = pictures[i].shape[:2]
            boxes = character_boxes(glyphs) * (width, height, width, height)
            boxes = _filled(boxes, length, np.nan)
        looked = None if attention is None else attention[i][steps].float().cpu().numpy()
        pixels = _on_pixels(looked, _encoding(run), i, pictures[i].shape[:2])
        if pixels is not None:
            looked = np.nansum(pixels, 1)  # by column
        words.append(Explanation(
            characters, scores, pictures[i],
            not run.rectified and sample.get('valid_ratio', 1) >= 1,
            None if masks is None else masks[i].cpu().numpy(),
            looked, {scale: _filled(values, length, 0) for scale, values in glyphs.items()}, boxes,
            pixels))
    return words


def _hooks(model: nn.Module) -> FeatureHooks | None:
    try:
        return getattr(model, 'hooks', None) or feature_hooks_of(model)
    except ValueError:
        return None


def _output(run: ForwardPass, path: str) -> Any:
    """What a module gave in its last call; None if it was not there."""
    calls = run.calls.get(path)
    return calls[-1].output if calls else None


def _encoding(run: ForwardPass) -> GlyphEncoding | None:
    found = _output(run, 'encoder')
    return found if isinstance(found, GlyphEncoding) else None


def _characters(model: nn.Module,
                sample: TextRecogDataSample) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """What was read, character by character, with the confidence of each."""
    text, scores = sample.pred_text.item, [float(s) for s in sample.pred_text.score]
    characters = list(text)
    if len(scores) != len(characters):
        # Tokens such as <UKN> are one character of what was read.
        dictionary = getattr(getattr(model, 'decoder', None), 'dictionary', None)
        names = [re.escape(c) for c in getattr(dictionary, 'dict', ()) if len(c) > 1]
        characters = re.findall('|'.join([*names, '.']), text, re.DOTALL)
    if len(scores) != len(characters):
        scores = [float(np.mean(scores)) if scores else 0.0] * len(characters)
    return tuple(characters), tuple(scores)


def _maps_and_masks(run: ForwardPass, plugin: Any) -> tuple[dict[str, Tensor], Tensor | None]:
    """Glyph maps (N, T, h, w) per scale, and text masks (N, H, W)."""
    encoding, head = _encoding(run), getattr(run.recognizer, 'glyph_head', None)
    logits, masks = {}, None
    if encoding is not None:
        logits = encoding.glyph_maps
        if hasattr(head, 'text_mask') and encoding.mask_feature is not None:
            skip = head.skip_map(_output(run, 'backbone'))
            masks = head.text_mask(encoding.mask_feature, skip)
    elif plugin is not None:
        logits, fused = plugin.glyphs(run)
        masks = plugin.text_mask(fused)
    return {scale: values.float().softmax(1)[:, 1:] for scale, values in logits.items()}, masks


def _attention(run: ForwardPass, tokens: Tensor | None) -> Tensor | None:
    """Weights (N, T, w) of each step over the columns; None if nothing is known of them."""
    encoding, head = _encoding(run), getattr(run.recognizer, 'glyph_head', None)
    if encoding is not None and tokens is not None and getattr(head, 'aligner', None):
        return head.attention(encoding, tokens)
    if run.hooks is None or run.hooks.attention_hook is None:
        return None
    if run.hooks.in_reading:
        return run.attention.sum(2)
    samples = []
    for sample in run.data_samples:
        told = TextRecogDataSample(gt_text=LabelData(item=sample.pred_text.item))
        told.set_metainfo({key: sample.metainfo[key] for key in ('valid_ratio', 'img_shape')
                           if key in sample.metainfo})
        samples.append(told)
    maps = teacher_forced_attention(run.recognizer, run.inputs, samples, run.hooks)
    longest = max((len(sample.pred_text.score) for sample in run.data_samples), default=0)
    return maps.sum(2) if maps.shape[1] >= longest else None


def _on_pixels(attention: np.ndarray | None, encoding: GlyphEncoding | None, word: int,
               size: tuple[int, int]) -> np.ndarray | None:
    """Attention (L, K) on tokens that are pixels -> (L, H, W), NaN where none was taken."""
    if attention is None or encoding is None or encoding.places is None:
        return None
    kept = encoding.valid[word]
    x, y = encoding.places[word][kept].long().cpu().numpy().T
    pixels = np.full((len(attention), *size), np.nan, np.float32)
    pixels[:, y, x] = attention[:, kept.cpu().numpy()]
    return pixels


def _filled(values: np.ndarray, length: int, value: float) -> np.ndarray:
    """A row for each character, also for those after the last one that a plug-in has maps for."""
    missing = [(0, length - len(values))] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values, missing, constant_values=value)


def _pictures(run: ForwardPass) -> list[np.ndarray]:
    """What the backbone saw, uint8 BGR."""
    model, images = run.recognizer, run.inputs
    if run.rectified:
        images = (model.rectify(images)[0] if hasattr(model, 'rectify') else
                  run.output('preprocessor'))
    images = denormalized(images, model.data_preprocessor).round().byte().cpu()
    if getattr(model.data_preprocessor, '_channel_conversion', False):
        images = images.flip(1)
    return list(images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().numpy())

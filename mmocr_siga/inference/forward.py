"""From pictures in memory to what a recogniser makes of them: what the other modules here share."""
from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..models.decoders.base import WordDecoder
from ..models.encoders import GlyphEncoding
from ..models.recognizers import GlyphRecognizer

__all__ = ['Encoded', 'encode', 'glyph_probabilities', 'mmocr_scope', 'packed', 'reading_pipeline',
           'reads_glyphs']

_scope_lock = threading.Lock()
_scopes: list = []  # one for each that is inside of mmocr_scope; the first holds MMEngine's


class Encoded(NamedTuple):
    """A batch of words behind the encoder.

    Attributes:
        inputs (Tensor): Normalised images (N, 3, H, W).
        samples (list[TextRecogDataSample]): N samples with their meta information.
        images (Tensor): What the backbone saw: ``inputs``, or those as a preprocessor made them.
        grid (Tensor, optional): The preprocessor's sampling grid (N, H', W', 2).
        features (Sequence[Tensor]): The backbone's outputs.
        encoding (Any): The encoder's output.
    """
    inputs: Tensor
    samples: list[TextRecogDataSample]
    images: Tensor
    grid: Tensor | None
    features: Sequence[Tensor]
    encoding: Any


@contextmanager
def mmocr_scope() -> Iterator[None]:
    """The scope of MMOCR's registries, also for several threads at once.

    MMEngine's own context copies a global when it is entered and puts the copy back at its end, so
    threads in it would undo each other's. Here the first enters it and the last leaves it.
    """
    with _scope_lock:
        if not _scopes:
            scope = DefaultScope.overwrite_default_scope('mmocr')
            scope.__enter__()
        else:
            scope = _scopes[0]
        _scopes.append(scope)
    try:
        yield
    finally:
        with _scope_lock:
            if len(_scopes) == 1:
                _scopes[0].__exit__(None, None, None)
            _scopes.pop()


def reading_pipeline(cfg: Any) -> Compose:
    """A config's test pipeline, for a picture file or an array without a label.

    Args:
        cfg (Config): A config with ``test_dataloader.dataset.pipeline``.

    Returns:
        Compose: To be called within the scope of MMOCR; see :func:`packed`.
    """
    transforms = []
    for transform in cfg.test_dataloader.dataset.pipeline:
        if transform['type'] == 'LoadOCRAnnotations':
            continue
        if transform['type'] == 'LoadImageFromFile':
            transform = dict(transform, type='InferencerLoader')
        transforms.append(transform)
    with mmocr_scope():
        return Compose(transforms)


def packed(pipeline: Compose, image: str | np.ndarray) -> dict[str, Any]:
    """Run a picture through a pipeline of :func:`reading_pipeline`.

    Args:
        pipeline (Compose): The pipeline.
        image (str or ndarray): Path of a picture, or a BGR array (H, W, 3).

    Returns:
        dict: ``inputs`` and ``data_samples``.
    """
    with mmocr_scope():
        return pipeline(dict(img_path=image) if isinstance(image, str) else dict(img=image))


def reads_glyphs(model: EncoderDecoderRecognizer) -> bool:
    """Whether a recogniser can be run part by part: :func:`encode`, then a :class:`WordDecoder`."""
    return (isinstance(model, GlyphRecognizer) and isinstance(model.decoder, WordDecoder)
            # Plug-ins that feed a recogniser are there only while it predicts.
            and not getattr(model, '_feeds', False))


@torch.no_grad()
def encode(model: GlyphRecognizer, words: Sequence[dict[str, Any]]) -> Encoded:
    """Run a recogniser up to its encoder.

    Args:
        model (GlyphRecognizer): In evaluation mode.
        words (Sequence[dict]): Results of :func:`packed`.
    """
    batch = model.data_preprocessor(dict(inputs=[word['inputs'] for word in words],
                                         data_samples=[word['data_samples'] for word in words]),
                                    False)
    inputs, samples = batch['inputs'], batch['data_samples']
    images, grid = model.rectify(inputs)
    features = model._backbone(images)
    encoding = model.encoder(features, samples) if model.with_encoder else None
    return Encoded(inputs, samples, images, grid, features, encoding)


def glyph_probabilities(encoding: Any, steps: int) -> dict[str, np.ndarray]:
    """Which character each pixel of the glyph maps belongs to.

    Args:
        encoding (Any): An encoder's output.
        steps (int): Characters T that are wanted.

    Returns:
        dict[str, ndarray]: For each scale float32 (N, T + 1, h, w), the background first; empty for
        an encoder without glyph maps.
    """
    maps = encoding.glyph_maps if isinstance(encoding, GlyphEncoding) else {}
    return {scale: logits.float().softmax(1)[:, :steps + 1].cpu().numpy()
            for scale, logits in maps.items()}

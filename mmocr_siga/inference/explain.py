"""What a recogniser looked at while it read a word."""
from __future__ import annotations

from typing import Any, Callable

import numpy as np
import torch
from torch import nn

from ..models.pseudo_labels.functional import two_means_mask
from .explanation import WordEvidence, read_with_evidence
from .inputs import packed, picture_pipeline


@torch.no_grad()
def explain(model: nn.Module, image: str | np.ndarray) -> dict[str, Any]:
    """Read one word and return the evidence; :func:`mmocr_siga.visualization.draw_reading` draws
    it.

    A SIGA recogniser without its training head still reads and has glyph maps; its text mask is
    then the pseudo-label of the image and its attention the decoder's own.

    Args:
        model (nn.Module): A recogniser in evaluation mode with its config as ``model.cfg`` (for the
            test pipeline). Of other recognisers than SIGA there is what they have, see
            :func:`~mmocr_siga.inference.explanation.read_with_evidence`.
        image (str or ndarray): Path of a picture, or a BGR array (H, W, 3).

    Returns:
        dict: ``text`` (str), ``scores`` (list[float], one per character), ``text_mask`` (H, W)
        bool or None, ``attention`` (L, w) or None, ``glyph_maps`` (dict of (L, h, w)), all over
        what the backbone sees: the whole picture, or, with a preprocessor or padding, the picture
        as that makes it, which is then there too: ``rectified``, uint8 BGR (H, W, 3).

    Raises:
        ValueError: If the model carries no config.
    """
    cfg = getattr(model, 'cfg', None)
    if cfg is None:
        raise ValueError('explain needs the test pipeline: set model.cfg to the config that '
                         'the model was built from')
    seen = picture_reader(model, cfg)(image)
    mask = seen.text_mask
    if mask is None and seen.glyph_maps:
        mask = two_means_mask(torch.from_numpy(_gray(seen.image))[None])[0].numpy()
    more = {} if seen.whole else dict(rectified=seen.image)
    return dict(text=seen.text, scores=list(seen.scores), glyph_maps=seen.glyph_maps,
                text_mask=mask, attention=seen.attention, **more)


def picture_reader(model: nn.Module, cfg: Any) -> Callable[[str | np.ndarray], WordEvidence]:
    """What reads single pictures with evidence.

    Args:
        model (nn.Module): A recogniser; it is to be in evaluation mode when pictures are read.
        cfg (Config): With the test pipeline as ``test_dataloader.dataset.pipeline``.

    Returns:
        callable: Takes a path or a BGR array (H, W, 3) and returns a :class:`WordEvidence`.
    """
    pipeline = picture_pipeline(cfg)

    def read(image: str | np.ndarray) -> WordEvidence:
        word = packed(pipeline, image)
        batch = dict(inputs=[word['inputs']], data_samples=[word['data_samples']])
        return read_with_evidence(model, **model.data_preprocessor(batch, False))[0]

    return read


def _gray(image: np.ndarray) -> np.ndarray:
    """BGR to float32 grey (ITU-R BT.601 luma)."""
    return image.astype(np.float32) @ np.float32([0.114, 0.587, 0.299])

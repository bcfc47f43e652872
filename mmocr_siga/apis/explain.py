"""What a SIGA recogniser looked at while it read a word."""
from typing import Any, Union

import numpy as np
import torch

from ..models.heads import text_pixels
from ..models.layers import greedy_hypotheses
from ..models.pseudo_labels.functional import two_means_mask
from ..models.recognizers import GlyphRecognizer
from .reading import Encoded, encode, glyph_probabilities, packed, reading_pipeline


@torch.no_grad()
def explain(model: GlyphRecognizer, image: Union[str, np.ndarray]) -> dict[str, Any]:
    """Read one word and return the evidence; :func:`mmocr_siga.visualization.draw_reading` draws
    it.

    Attention and the predicted text mask come from the training head. A model without one still
    reads and has glyph maps; its attention is None and its text mask the pseudo-label of the image.

    Args:
        model (GlyphRecognizer): A recogniser in evaluation mode with :class:`SIGAEncoder` and a
            decoder over it, :class:`SIGADecoder` or :class:`SIGAParallelDecoder`, and its config as
            ``model.cfg`` (for the test pipeline).
        image (str or ndarray): Path of a picture, or a BGR array (H, W, 3).

    Returns:
        dict: ``text`` (str), ``scores`` (list[float], one per character), ``text_mask`` (H, W)
        bool, ``attention`` (L, w) or None, ``glyph_maps`` (dict of (L, h, w)), all over what the
        backbone sees: the whole picture, or, with a preprocessor, the picture as that straightens
        it, which is then there too: ``rectified``, uint8 BGR (H, W, 3).

    Raises:
        ValueError: If the model carries no config.
    """
    cfg = getattr(model, 'cfg', None)
    if cfg is None:
        raise ValueError('explain needs the test pipeline: set model.cfg to the config that '
                         'the model was built from')
    word = encode(model, [packed(reading_pipeline(cfg), image)])
    end = model.decoder.dictionary.end_idx
    read = greedy_hypotheses(model.decoder.forward_test(None, word.encoding, word.samples), end)[0]
    tokens = list(read.tokens)
    return dict(
        text=model.decoder.dictionary.idx2str(tokens),
        scores=list(read.scores),
        glyph_maps={scale: maps[0, 1:]
                    for scale, maps in glyph_probabilities(word.encoding, len(tokens)).items()},
        **_rectified(model, word),
        **_head_evidence(model, word, tokens))


def _rectified(model: GlyphRecognizer, word: Encoded) -> dict[str, np.ndarray]:
    """The picture that the backbone sees, where it is not the input."""
    if not model.with_preprocessor:
        return {}
    images = model.denormalised(word.images)[0].round().byte().cpu()
    if getattr(model.data_preprocessor, '_channel_conversion', False):
        images = images.flip(0)
    return dict(rectified=images.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())


def _head_evidence(model: GlyphRecognizer, word: Encoded, tokens: list[int]) -> dict[str, Any]:
    """Text mask and attention, from the training head where there is one."""
    head = model.glyph_head
    if head is None:
        mask = two_means_mask(model.gray(word.images))[0]
        return dict(text_mask=mask.cpu().numpy(), attention=None)
    previous = torch.tensor([[model.decoder.num_classes] + tokens], device=word.inputs.device)
    _, attention = head.aligner(word.encoding.sequence, previous, word.encoding.valid)
    skip = None if head.skip is None else word.features[head.skip]
    mask = text_pixels(head.segmentation([word.encoding.mask_feature], skip))[0]
    return dict(text_mask=mask.cpu().numpy(),
                attention=attention[0, :len(tokens)].float().cpu().numpy())

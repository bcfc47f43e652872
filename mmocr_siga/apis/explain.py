"""What a SIGA recogniser looked at while it read a word."""
from typing import Any, Union

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope
from torch import Tensor

from ..models.encoders import GlyphEncoding
from ..models.heads import text_pixels
from ..models.pseudo_labels.functional import two_means_mask
from ..models.recognizers import GlyphRecognizer


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
    with DefaultScope.overwrite_default_scope('mmocr'):
        data = _pipeline(cfg)(dict(img_path=image) if isinstance(image, str) else dict(img=image))
    batch = model.data_preprocessor(dict(inputs=[data['inputs']],
                                         data_samples=[data['data_samples']]), False)
    inputs, samples = batch['inputs'], batch['data_samples']
    encoding = model.encoder(model.extract_feat(inputs), samples)
    scores, tokens = model.decoder.forward_test(None, encoding, samples)[0].max(-1)
    tokens = tokens.tolist()
    end = model.decoder.dictionary.end_idx
    length = tokens.index(end) if end in tokens else len(tokens)
    maps = {scale: logits[0].float().softmax(0)[1:length + 1].cpu().numpy()
            for scale, logits in encoding.glyph_maps.items()}
    return dict(
        text=model.decoder.dictionary.idx2str(tokens[:length]),
        scores=scores[:length].tolist(),
        glyph_maps=maps,
        **_rectified(model, inputs),
        **_head_evidence(model, inputs, encoding, tokens, length))


def _rectified(model: GlyphRecognizer, inputs: Tensor) -> dict[str, np.ndarray]:
    """The picture that the backbone sees, where it is not the input."""
    if not model.with_preprocessor:
        return {}
    images = model.denormalised(model.rectify(inputs)[0])[0].round().byte().cpu()
    if getattr(model.data_preprocessor, '_channel_conversion', False):
        images = images.flip(0)
    return dict(rectified=images.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())


def _head_evidence(model: GlyphRecognizer, inputs: Tensor, encoding: GlyphEncoding, tokens: list,
                   length: int) -> dict[str, Any]:
    """Text mask and attention, from the training head where there is one."""
    head = model.glyph_head
    if head is None:
        mask = two_means_mask(model.gray(model.rectify(inputs)[0]))[0]
        return dict(text_mask=mask.cpu().numpy(), attention=None)
    previous = torch.tensor([[model.decoder.num_classes] + tokens[:-1]], device=inputs.device)
    _, attention = head.aligner(encoding.sequence, previous, encoding.valid)
    skip = None if head.skip is None else model.extract_feat(inputs)[head.skip]
    mask = text_pixels(head.segmentation([encoding.mask_feature], skip))[0]
    return dict(text_mask=mask.cpu().numpy(),
                attention=attention[0, :length].float().cpu().numpy())


def _pipeline(cfg: Any) -> Compose:
    """The config's test pipeline for a picture file or an array without a label."""
    transforms = []
    for transform in cfg.test_dataloader.dataset.pipeline:
        if transform['type'] == 'LoadOCRAnnotations':
            continue
        if transform['type'] == 'LoadImageFromFile':
            transform = dict(transform, type='InferencerLoader')
        transforms.append(transform)
    return Compose(transforms)

from collections.abc import Sequence
from typing import Any, Optional, Union

import torch
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import (
    ConfigType,
    InitConfigType,
    OptConfigType,
    OptRecSampleList,
    RecSampleList,
)
from torch import Tensor

from ...geometry.tps import warp_images
from ..decoders.base import WordDecoder
from ..target_generators.text_masks import gray_images


@MODELS.register_module()
class GlyphRecognizer(EncoderDecoderRecognizer):
    """An encoder-decoder recognizer with an optional head that exists for training only.

    Reading never touches the head: built with ``glyph_head=None`` it takes checkpoints with the
    head and without.

    Args:
        preprocessor: As in MMOCR. One that gives its sampling grid, as ``TPSRectifier`` does, warps
            the samples' text masks by the same grid.
        glyph_head: For example ``GlyphHead``.
        channels_last: Keep images and convolution weights with the channels last in memory, which
            is faster on CPUs and, in half precision, on GPUs. Results stay the same to rounding.
    """

    def __init__(self, preprocessor: OptConfigType = None, backbone: OptConfigType = None,
                 encoder: OptConfigType = None, decoder: OptConfigType = None,
                 glyph_head: OptConfigType = None, data_preprocessor: ConfigType = None,
                 channels_last: bool = False, init_cfg: InitConfigType = None) -> None:
        super().__init__(preprocessor=preprocessor, backbone=backbone, encoder=encoder,
                         decoder=decoder, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.glyph_head = None if glyph_head is None else MODELS.build(glyph_head)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.to(memory_format=self.memory_format)

    def extract_feat(self, inputs: Tensor,
                     data_samples: Union[RecSampleList, Tensor, None] = None) -> Sequence[Tensor]:
        """Images (N, 3, H, W) -> the backbone's outputs. Samples, or their ``valid_ratio`` (N,),
        tell a backbone that reads them where images are padded."""
        return self._backbone(self.rectify(inputs)[0], data_samples)

    def predict(self, inputs: Tensor, data_samples: RecSampleList, **kwargs) -> RecSampleList:
        return self.decoder.predict(*self._encoded(inputs, data_samples), data_samples)

    def _forward(self, inputs: Tensor, data_samples: OptRecSampleList = None, **kwargs) -> Any:
        return self.decoder(*self._encoded(inputs, data_samples), data_samples)

    def _encoded(self, inputs: Tensor, data_samples: OptRecSampleList) -> tuple[Any, Any]:
        return self.encode(self.rectify(inputs)[0], data_samples)

    def encode(self, images: Tensor, data_samples: OptRecSampleList = None) -> tuple[Any, Any]:
        """Images as :meth:`rectify` gives them -> outputs of the backbone and of the encoder, None
        where there is no encoder."""
        feat = self._backbone(images, data_samples)
        return feat, self.encoder(feat, data_samples) if self.with_encoder else None

    def rectify(self, inputs: Tensor) -> tuple[Tensor, Optional[Tensor]]:
        """Normalized images (N, 3, H, W) -> what the backbone sees: the images as the preprocessor,
        if any, gives them, and its sampling grid (N, H', W', 2), None without a method ``grid``.
        """
        inputs = inputs.contiguous(memory_format=self.memory_format)
        if not self.with_preprocessor:
            return inputs, None
        if not hasattr(self.preprocessor, 'grid'):
            return self.preprocessor(inputs), None
        grid = self.preprocessor.grid(inputs)
        return warp_images(inputs, grid), grid

    def _backbone(self, images: Tensor, data_samples: Any = None) -> Any:
        images = images.contiguous(memory_format=self.memory_format)
        if not self.with_backbone:
            return images
        if getattr(self.backbone, 'reads_samples', False):
            return self.backbone(images, data_samples)
        return self.backbone(images)

    def loss(self, inputs: Tensor, data_samples: RecSampleList, **kwargs) -> dict[str, Tensor]:
        """Losses of the decoder and of the training head, of normalized images (N, 3, H, W)."""
        images, grid = self.rectify(inputs)
        feat, out_enc = self.encode(images, data_samples)
        # Made once, for the decoder and the head.
        shared = {}
        if isinstance(self.decoder, WordDecoder):
            outputs = self.decoder.forward_train(feat, out_enc, data_samples)
            losses = self.decoder.losses(outputs, data_samples)
            shared = dict(targets=outputs.targets, attention=outputs.attention)
        else:
            losses = self.decoder.loss(feat, out_enc, data_samples)
        if self.glyph_head is None:
            return losses
        if self.with_preprocessor and grid is None and any(
                'gt_text_mask' in sample for sample in data_samples):
            raise ValueError(
                f'{type(self.preprocessor).__name__} has no method grid(images), so the text masks '
                'of the samples cannot follow their images: use TPSRectifier, or a pipeline '
                'without TextMask (the masks are then made of the rectified images)')
        gray = gray_images(images, self.data_preprocessor)
        return dict(losses, **self.glyph_head.loss(gray, feat, out_enc, data_samples, grid,
                                                   **shared))

    def _load_from_state_dict(self, state_dict: dict, prefix: str, local_metadata: dict,
                              strict: bool, missing_keys: list, unexpected_keys: list,
                              error_msgs: list) -> None:
        if self.glyph_head is None:
            state_dict = {key: value for key, value in state_dict.items()
                          if not key.startswith(prefix + 'glyph_head.')}
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys,
                                      unexpected_keys, error_msgs)

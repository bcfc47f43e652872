from collections.abc import Sequence

import torch
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import (
    ConfigType,
    InitConfigType,
    OptConfigType,
    RecSampleList,
)
from torch import Tensor

from ..heads.text_masks import gray_images


@MODELS.register_module()
class GlyphRecognizer(EncoderDecoderRecognizer):
    """An encoder-decoder recogniser with an optional head that exists for training only.

    ``predict`` and ``_forward`` are those of MMOCR's ``EncoderDecoderRecognizer`` and never touch
    the head, so a checkpoint for reading need not contain it: build it with ``glyph_head=None``.

    Args:
        preprocessor (dict, optional): As in MMOCR. Defaults to None.
        backbone (dict, optional): As in MMOCR; gives the maps that encoder and head read.
        encoder (dict, optional): For example ``SIGAEncoder``.
        decoder (dict, optional): For example ``SIGADecoder``.
        glyph_head (dict, optional): For example ``GlyphHead``. Defaults to None.
        data_preprocessor (dict, optional): As in MMOCR.
        channels_last (bool): Keep images and convolution weights with the channels last in memory,
            which is faster on CPUs and, in half precision, on GPUs. Results stay the same to
            rounding. Defaults to False.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 preprocessor: OptConfigType = None,
                 backbone: OptConfigType = None,
                 encoder: OptConfigType = None,
                 decoder: OptConfigType = None,
                 glyph_head: OptConfigType = None,
                 data_preprocessor: ConfigType = None,
                 channels_last: bool = False,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(preprocessor=preprocessor, backbone=backbone, encoder=encoder,
                         decoder=decoder, data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.glyph_head = None if glyph_head is None else MODELS.build(glyph_head)
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.to(memory_format=self.memory_format)

    def extract_feat(self, inputs: Tensor) -> Sequence[Tensor]:
        """Images (N, 3, H, W) -> the backbone's outputs."""
        return super().extract_feat(inputs.contiguous(memory_format=self.memory_format))

    def loss(self, inputs: Tensor, data_samples: RecSampleList, **kwargs) -> dict[str, Tensor]:
        """Losses of the decoder and of the training head.

        Args:
            inputs (Tensor): Normalised images (N, 3, H, W).
            data_samples (list[TextRecogDataSample]): N samples with their labels.
        """
        feat = self.extract_feat(inputs)
        out_enc = self.encoder(feat, data_samples) if self.with_encoder else None
        losses = self.decoder.loss(feat, out_enc, data_samples)
        if self.glyph_head is not None:
            losses.update(self.glyph_head.loss(self.gray(inputs), feat, out_enc, data_samples))
        return losses

    def gray(self, inputs: Tensor) -> Tensor:
        """Undo the normalisation: (N, 3 or 1, H, W) -> grey (N, H, W) in [0, 255]."""
        return gray_images(inputs, self.data_preprocessor)

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import (
    ConfigType,
    InitConfigType,
    OptConfigType,
    RecSampleList,
)
from torch import Tensor

from ...rendering.plain import closest_case, rewritten_box
from ...structures.encodings import DisentangledFeatures, ErasedImages, StyledImages
from ..encoders.disentangled_encoder import DisentangledEncoder
from ..layers.targets import to_device
from ..target_generators.text_masks import denormalized
from .glyph_recognizer import GlyphRecognizer


@MODELS.register_module()
class DisentangledRecognizer(GlyphRecognizer):
    """Read the content of a word, and erase and rewrite it in its style.

    After DARLING (Zhang et al., CVPR 2024, arXiv 2405.04377), of which no code was found: split,
    decoder and losses are ours in its spirit, and none of its figures is claimed.

    It reads as any :class:`GlyphRecognizer` does. In training it takes pairs of pictures of one
    style with different texts, packed by ``PackPairInputs`` and stacked by
    ``WordViewsPreprocessor``; a batch of single words trains the reading alone.

    Args:
        encoder: ``DisentangledEncoder``. Its number of content channels is filled in as the
            decoder's ``in_channels``, that of style as the image head's.
        image_head: ``StyledImageHead``. Without one the model reads and takes checkpoints with the
            head and without.
    """

    def __init__(self, backbone: ConfigType, encoder: ConfigType, decoder: ConfigType,
                 image_head: OptConfigType = None, data_preprocessor: OptConfigType = None,
                 channels_last: bool = False, init_cfg: InitConfigType = None) -> None:
        style, content = DisentangledEncoder.widths(**{
            key: encoder[key] for key in ('in_channels', 'style_share', 'split') if key in encoder})
        super().__init__(backbone=backbone, encoder=encoder,
                         decoder=dict(decoder, in_channels=content),
                         data_preprocessor=data_preprocessor, channels_last=channels_last,
                         init_cfg=init_cfg)
        self.image_head = image_head and MODELS.build(dict(image_head, in_channels=style))
        self.to(memory_format=self.memory_format)

    def features(self, images: Tensor) -> DisentangledFeatures:
        """Style and content of normalized pictures (N, 3, H, W)."""
        return self.encoder.features(self._backbone(images))

    def erase(self, images: Tensor) -> ErasedImages:
        """Normalized pictures (N, 3, H, W) without their text, and where that was.

        Raises:
            ValueError: If the model has no image head.
        """
        return self._image_head().erase(self.features(images))

    def edit(self, images: Tensor, texts: Sequence[str],
             boxes: Sequence[Sequence[float]] | None = None,
             old_texts: Sequence[str] | None = None) -> StyledImages:
        """Normalized pictures (N, 3, H, W) with other texts, each as it would be alone.

        Args:
            texts: N texts; an empty one leaves the board.
            boxes: Where their ink shall be, (left, top, right, bottom) in pixels; without them on
                the baseline of the old text and in letters as large, see
                :func:`~mmocr_siga.rendering.plain.rewritten_box`. With a prompt of characters they
                mean nothing.
            old_texts: What there is now, which tells how large the letters are; without them what
                the model reads.

        Raises:
            ValueError: If the numbers differ, a text has characters that cannot be written, or the
                model has no image head.
        """
        head = self._image_head()
        for name, given in (('texts', texts), ('boxes', boxes), ('old_texts', old_texts)):
            if given is not None and len(given) != len(images):
                raise ValueError(f'{len(images)} pictures need as many {name}, got {len(given)}')
        features, size = self.features(images), tuple(images.shape[2:])
        if boxes is None:
            masks = head.source_mask(features).detach()
            boxes = mask_boxes(masks)
            if old_texts is None:
                old_texts = self._read(features.content, masks, boxes)
            boxes = [rewritten_box(*each, size) for each in zip(boxes, old_texts, texts)]
        prompts = head.decoder.prompt.of_texts(texts, boxes, size)
        return head.edit(features, to_device(prompts, images.device))

    @torch.no_grad()
    def _read(self, content: Tensor, masks: Tensor, boxes: Sequence[Sequence[float]]) -> list[str]:
        words = [TextRecogDataSample(metainfo=dict(valid_ratio=1.)) for _ in boxes]
        decoded = self.decoder.forward_test(None, content, words)
        texts = [word.pred_text.item for word in self.decoder.postprocessor(decoded, words)]
        characters = ''.join(char for char in self.decoder.dictionary.dict if len(char) == 1)
        if characters.lower() == characters or characters.upper() == characters:
            texts = [closest_case(text, mask, box) for text, mask, box in zip(
                texts, masks[:, 0].cpu().numpy(), boxes)]
        return texts

    def loss(self, inputs: Tensor, data_samples: RecSampleList, **kwargs) -> dict[str, Tensor]:
        """Losses of pairs, (3N, 3, H, W): N pictures A, N pictures B, N boards; or of N words."""
        if len(inputs) == len(data_samples):
            return super().loss(inputs, data_samples, **kwargs)
        words = pair_words(data_samples)
        if len(inputs) != 3 * len(data_samples):
            raise ValueError(f'{len(data_samples)} pairs come as three pictures each, A, B and '
                             f'their board, got {len(inputs)}: use PackPairInputs and '
                             'WordViewsPreprocessor')
        images = inputs[:len(words)]
        feat = self._backbone(images)
        if self.image_head is None:
            return self.decoder.loss(feat, self.encoder(feat), words)
        features = self.encoder.features(feat)
        losses = self.decoder.loss(feat, features.content, words)
        pictures = denormalized(inputs, self.data_preprocessor) / 255
        masks = to_device(torch.stack([word.gt_text_mask.data for word in words]), inputs.device)
        prompts = to_device(self.image_head.prompts(words), inputs.device)
        return dict(losses, **self.image_head.loss(
            features, pictures[:len(words)], pictures[len(words):], masks.bool(), prompts))

    def _image_head(self):
        if self.image_head is None:
            raise ValueError('this model reads only: build it with an image_head to erase and edit')
        return self.image_head

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        if self.image_head is None:
            state_dict = {key: value for key, value in state_dict.items()
                          if not key.startswith(prefix + 'image_head.')}
        super()._load_from_state_dict(state_dict, prefix, *args)


def pair_words(pairs: Sequence[TextRecogDataSample]) -> list[TextRecogDataSample]:
    """Samples of N pairs -> those of the words A of all, then of the words B, each with the label,
    the text mask and the prompt that it has."""
    if not all('gt_text_pair' in pair for pair in pairs):
        raise ValueError('the samples are no pairs: let the pipeline end in PackPairInputs')
    return [_word(pair, side) for side in (0, 1) for pair in pairs]


def _word(pair: TextRecogDataSample, side: int) -> TextRecogDataSample:
    word = TextRecogDataSample(metainfo=pair.metainfo)
    word.gt_text = (pair.gt_text, pair.gt_text_pair)[side]
    for name, own in (('gt_text_mask', 'gt_text_mask'), ('gt_prompts', 'gt_prompt')):
        if name in pair:
            word.set_field(PixelData(data=pair.get(name).data[side:side + 1]), own)
    return word


@torch.no_grad()
def mask_boxes(masks: Tensor, threshold: float = 0.5,
               strays: float = 0.002) -> list[tuple[int, int, int, int]]:
    """Box (left, top, right, bottom) around what is above a threshold in each mask (N, 1, H, W),
    but for a few ``strays`` at every side, a share of it; the whole picture where nothing is."""
    boxes = []
    for mask in (masks[:, 0] > threshold).cpu():
        columns, rows = (_within(mask.sum(axis), strays * mask.sum()) for axis in (0, 1))
        boxes.append((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1) if rows else
                     (0, 0, *mask.shape[::-1]))
    return boxes


def _within(counts: Tensor, strays: Tensor) -> list[int]:
    before, behind = counts.cumsum(0), counts.flip(0).cumsum(0).flip(0)
    return ((before > strays) & (behind > strays)).nonzero()[:, 0].tolist()

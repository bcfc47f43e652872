"""A recognizer with style and content apart of some ten thousand weights, and pairs for it."""
import torch
from mmengine.structures import LabelData, PixelData
from mmocr.structures import TextRecogDataSample

from .words import DICTIONARY

SIZE = (16, 32)


def tiny_disentangled(encoder=(), image=(), **changes):
    """Config of a ``DisentangledRecognizer``; changes of its encoder, of its image decoder and of
    the rest."""
    model = dict(
        type='DisentangledRecognizer',
        data_preprocessor=dict(type='WordViewsPreprocessor', mean=[127, 127, 127],
                               std=[64, 64, 64], bgr_to_rgb=True),
        backbone=dict(type='ConvStemTransformer', stem_channels=8, embed_dim=16, depth=2,
                      num_heads=2, inner_channels=16, taps=(0, 1)),
        encoder=dict(dict(type='DisentangledEncoder', in_channels=(16, 16, 16), blocks=1,
                          num_heads=2, map_size=(4, 8)), **dict(encoder)),
        decoder=dict(type='SRNDecoder', dictionary=dict(DICTIONARY), channels=16, max_seq_len=7,
                     pvam=dict(num_layers=0),
                     gsrm=dict(num_layers=1, num_heads=2, inner_channels=16)),
        image_head=dict(
            type='StyledImageHead',
            decoder=dict(dict(type='StyledImageDecoder', channels=8, blocks=2, num_heads=2,
                              inner_channels=8, head_channels=(8, 4)), **dict(image))))
    return dict(model, **changes)


CHARACTERS = dict(prompt=dict(type='CharacterPromptEncoder', dictionary=dict(DICTIONARY),
                              num_layers=1))


def pair(first, second, seed=0):
    """A packed pair of noise: pictures uint8 (3, 3, H, W), and its sample."""
    noise = torch.Generator().manual_seed(seed)
    sample = TextRecogDataSample(gt_text=LabelData(item=first), gt_text_pair=LabelData(item=second))
    masks = torch.rand(2, *SIZE, generator=noise) > 0.7
    masks &= torch.tensor([bool(first), bool(second)])[:, None, None]
    sample.gt_text_mask = PixelData(data=masks)
    sample.gt_prompts = PixelData(data=255 * masks.byte())
    sample.set_metainfo(dict(valid_ratio=1., img_shape=SIZE, drawn_texts=(first, second)))
    return dict(inputs=torch.randint(0, 256, (3, 3, *SIZE), dtype=torch.uint8, generator=noise),
                data_samples=sample)


def batch(model, *texts):
    """Pairs as a model gets them."""
    pairs = [pair(*each, seed) for seed, each in enumerate(texts)]
    data = {key: [each[key] for each in pairs] for key in pairs[0]}
    return model.data_preprocessor(data, True)


def images(count, seed=0):
    """Normalized pictures of noise."""
    return torch.randn(count, 3, *SIZE, generator=torch.Generator().manual_seed(seed))

"""A small student and teacher, and words for them."""
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmocr.registry import MODELS

from mmocr_siga.datasets.transforms import PackWordViews, WordViewPair
from tests.helpers.readers import word_picture

CNN = dict(
    type='ResNet', in_channels=3, stem_channels=[4], block_cfgs=dict(type='BasicBlock'),
    arch_layers=[1, 1], arch_channels=[8, 8], strides=[(2, 2), (2, 2)], out_indices=[0, 1])


def distiller_config(backbone=None, **options):
    return dict(
        type='CharacterDistiller', backbone=backbone or CNN,
        data_preprocessor=dict(type='WordViewsPreprocessor', bgr_to_rgb=True,
                               mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
        **{**dict(segmentation=dict(type='SegmentationHead', in_channels=(8, 8), channels=8),
                  taps=(0, 1), feature=1,
                  head=dict(type='DistillationHead', in_channels=8, out_channels=32,
                            hidden_channels=16, bottleneck=8)), **options})


def distiller(seed=0, **options):
    torch.manual_seed(seed)
    return MODELS.build(distiller_config(**options))


def packed(picture, seed=0, **options):
    np.random.seed(seed)
    views = WordViewPair(**options)(dict(img=picture))
    return PackWordViews()(dict(views, img_path='word.png', ori_shape=picture.shape[:2]))


def batch(model, texts=('Glyph', '12'), **options):
    """What the model gets of drawn words; None stands for a picture without text."""
    words = [packed(np.full((40, 90, 3), 77, np.uint8) if text is None else word_picture(text), i,
                    **options) for i, text in enumerate(texts)]
    return model.data_preprocessor(pseudo_collate(words), True)

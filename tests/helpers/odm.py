"""A pre-trainer of a few thousand weights, and scenes for it."""
import numpy as np
from mmengine.dataset import Compose, pseudo_collate
from mmocr.registry import TRANSFORMS

DICTIONARY = dict(type='WordDictionary', dict_file='94')
BACKBONE = dict(type='mmdet.ResNet', depth=18, stem_channels=8, base_channels=8, num_stages=4,
                out_indices=(0, 1, 2, 3), norm_eval=False, style='caffe')
NECK = dict(type='FPNC', in_channels=[8, 16, 32, 64], lateral_channels=16, out_channels=4)
PREPROCESSOR = dict(type='TextDetDataPreprocessor', mean=[127, 127, 127], std=[64, 64, 64],
                    bgr_to_rgb=True, pad_size_divisor=32)


def tiny_odm(neck=False, **changes):
    """Config of an ``ODMPretrainer``, with the reference's fusion or with a neck."""
    model = dict(
        type='ODMPretrainer', data_preprocessor=PREPROCESSOR, backbone=BACKBONE,
        neck=NECK if neck else None, fusion='residual' if neck else 'level',
        text_encoder=dict(type='WordTextEncoder', dictionary=DICTIONARY, channels=16, num_layers=2,
                          num_heads=2, out_channels=32),
        decoder=dict(type='TextImageDecoder', in_channels=64, channels=32, num_layers=2,
                     num_heads=4, pool_heads=4),
        head=(dict(type='DestylisationHead', in_channels=16, widths=(8, 8)) if neck else
              dict(type='DestylisationHead', in_channels=(8, 16, 32, 64, 32), channels=16,
                   widths=(16, 8))))
    return dict(model, **changes)


def results_of(words, size=(64, 96), ignored=None, picture=None):
    """What a pipeline has loaded of a scene with ``words``, pairs of a polygon and a text."""
    if picture is None:
        picture = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    count = len(words)
    return dict(
        img=picture, img_shape=picture.shape[:2], ori_shape=picture.shape[:2], img_path='none',
        gt_polygons=[np.asarray(polygon, np.float32).ravel() for polygon, _ in words],
        gt_texts=[text for _, text in words], gt_bboxes=np.zeros((count, 4), np.float32),
        gt_bboxes_labels=np.zeros(count, np.int64),
        gt_ignored=np.array([False] * count if ignored is None else ignored, bool))


def packed(results, **prompt):
    """A scene behind the pipeline, by default with all words asked for."""
    prompt = TRANSFORMS.build(dict(dict(type='TextPrompt', prob=0.0), **prompt))
    return Compose([prompt, dict(type='DestyledLabel'), dict(type='PackODMInputs')])(results)


def batch(model, scenes, training=False):
    """Packed scenes as a model gets them."""
    return model.data_preprocessor(pseudo_collate(list(scenes)), training)

"""A text spotter of a few thousand weights, and scenes for it."""
import numpy as np
import torch
from mmengine.structures import InstanceData
from mmocr.structures import TextDetDataSample

from tests.helpers.words import tiny_model


def rec_head(reads='picture', parallel=False, glyph_head=True, **changes):
    """Config of a ``SIGARecHead`` over features of 16 channels."""
    parts = tiny_model('parallel' if parallel else 'siga')
    head = dict(type='SIGARecHead', reads=reads, encoder=parts['encoder'],
                decoder=parts['decoder'], glyph_head=parts['glyph_head'] if glyph_head else None)
    if reads == 'picture':
        head.update(backbone=parts['backbone'], shared_channels=16)
    else:
        head.update(backbone=dict(type='RegionPyramid', in_channels=16, channels=(4, 8, 8)))
    return dict(head, **changes)


def tiny_spotter(head=None, **changes):
    """Config of a spotter with a narrow DBNet."""
    reads = (head or {}).get('reads', 'picture')
    model = dict(
        type='SIGASpotter',
        data_preprocessor=dict(type='TextDetDataPreprocessor', mean=[127, 127, 127],
                               std=[64, 64, 64], bgr_to_rgb=True, pad_size_divisor=32),
        backbone=dict(type='mmdet.ResNet', depth=18, stem_channels=8, base_channels=4,
                      num_stages=4, out_indices=(0, 1, 2, 3), norm_eval=False, style='caffe'),
        neck=dict(type='FPNC', in_channels=[4, 8, 16, 32], lateral_channels=8, out_channels=4),
        det_head=dict(type='DBHead', in_channels=16,
                      postprocessor=dict(type='DBPostprocessor', text_repr_type='quad')),
        rec_head=head or rec_head(),
        rectifier=dict(type='RegionRectifier', size=(16, 64) if reads == 'picture' else (8, 32)))
    return dict(model, **changes)


def rectangle(left, top, right, bottom):
    """x and y interleaved, clockwise from the top left corner."""
    return np.array([left, top, right, top, right, bottom, left, bottom], np.float32)


def scene(words, size=(96, 128), ignored=None, scale=(1.0, 1.0)):
    """A sample with ``words``, pairs of a polygon and a text."""
    instances = InstanceData()
    instances.polygons = [np.asarray(polygon, np.float32) for polygon, _ in words]
    instances.texts = [text for _, text in words]
    ignored = [False] * len(words) if ignored is None else ignored
    instances.ignored = torch.tensor(ignored, dtype=torch.bool)
    instances.bboxes = torch.zeros(len(words), 4)
    instances.labels = torch.zeros(len(words), dtype=torch.long)
    sample = TextDetDataSample(gt_instances=instances)
    sample.set_metainfo(dict(img_shape=size, ori_shape=size, scale_factor=scale, img_path='none'))
    return sample


TWO_WORDS = [(rectangle(10, 10, 60, 30), 'ab'), (rectangle(20, 50, 110, 80), 'cde')]

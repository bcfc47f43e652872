import pytest
import torch
from mmengine.structures import InstanceData
from mmocr.registry import MODELS

from tests.models.spotters.test_siga_roi_head import control


def build(**changes):
    rectifier = dict(type='RegionRectifier', form='bezier_clockwise', size=(4, 8))
    return MODELS.build(dict(type='RegionExtractor', rectifier=rectifier, **changes))


def proposals(*groups):
    out = []
    for boxes in groups:
        rows = [torch.tensor(control(*box), dtype=torch.float32) for box in boxes]
        out.append(InstanceData(beziers=torch.stack(rows) if rows else torch.zeros(0, 16)))
    return out


def test_regions_of_each_picture_in_order():
    feats = (torch.arange(3.)[:, None, None, None].expand(3, 2, 16, 16), )
    out = build()(feats, proposals([(4, 4, 40, 20)], [], [(4, 4, 40, 20), (8, 30, 60, 50)]))
    assert out.shape == (3, 2, 4, 8)
    assert out.mean((1, 2, 3)).tolist() == pytest.approx([0, 2, 2], abs=1e-5)
    assert build()(feats, proposals([], [], [])).shape == (0, 2, 4, 8)


def test_higher_words_are_read_from_coarser_maps():
    feats = tuple(torch.full((1, 1, 64 // 2**i, 64 // 2**i), float(i)) for i in range(3))
    module = build(featmap_strides=(4, 8, 16))
    # Up to 2 x 8 cells of 4 pixels from the finest map, up to 4 x 8 from the second.
    boxes = [(4, 4, 200, 4 + height) for height in (20, 60, 70, 120, 140, 240)]
    out = module(feats, proposals(boxes))
    assert out.mean((1, 2, 3)).tolist() == pytest.approx([0, 0, 1, 1, 2, 2])

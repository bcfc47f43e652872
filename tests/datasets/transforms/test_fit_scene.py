import numpy as np
import pytest
from mmocr.registry import TRANSFORMS


def fit(size, **options):
    results = dict(img=np.zeros((*size, 3), np.uint8),
                   gt_polygons=[np.array([-10, 0, 30, 0, 30, 20, -10, 20], np.float32)],
                   gt_bboxes=np.array([[-10, 0, 30, 20]], np.float32))
    return TRANSFORMS.build(dict(type='FitScene', **options))(results)


@pytest.mark.parametrize('size,options,expected', [
    ((720, 1280), dict(scale=(1280, 736)), (720, 1280)),   # the longer side fills the frame
    ((1280, 720), dict(scale=(1280, 736)), (1280, 720)),   # on end, too
    ((1000, 1000), dict(scale=(1280, 736)), (736, 736)),   # the shorter side
    ((50, 100), dict(scale=(400, 300)), (200, 400)),
    ((1, 1), dict(scale=(400, 300)), (300, 300)),
    ((1, 8000), dict(scale=(400, 300)), (32, 400)),        # no side vanishes
    ((100, 150), dict(scale=(400, 200), enlarge_only=True), (200, 300)),
    ((300, 350), dict(scale=(400, 200), enlarge_only=True), (300, 350)),
    ((900, 800), dict(scale=(400, 200), enlarge_only=True), (400, 356)),
    ((50, 100), dict(scale=(400, 300), max_factor=1.5), (75, 150)),
    ((100, 150), dict(scale=(400, 200), enlarge_only=True, max_factor=1.5), (150, 225)),
    ((10, 20), dict(scale=(400, 200), enlarge_only=True, max_factor=1.5), (32, 32)),
    ((900, 800), dict(scale=(400, 200), enlarge_only=True, max_factor=1.5), (400, 356)),
])
def test_sizes(size, options, expected):
    out = fit(size, **options)
    assert out['img'].shape[:2] == out['img_shape'] == expected
    assert out['scale_factor'] == (expected[1] / size[1], expected[0] / size[0])


def test_polygons_are_scaled_and_not_clipped():
    out = fit((50, 100), scale=(200, 120))
    assert out['gt_polygons'][0].tolist() == [-20, 0, 60, 0, 60, 40, -20, 40]
    assert out['gt_bboxes'].tolist() == [[-20, 0, 60, 40]]
    with pytest.raises(ValueError, match='at least 32'):
        fit((50, 100), scale=(400, 20))
    with pytest.raises(ValueError, match='max_factor must be at least 1'):
        fit((50, 100), max_factor=0.5)

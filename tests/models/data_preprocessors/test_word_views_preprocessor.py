import pytest
import torch
from mmocr.registry import MODELS

MEAN, STD = [10., 20, 30], [2., 4, 5]


@pytest.mark.parametrize('stacked', [False, True])
def test_regular_views_come_first_and_are_normalized(stacked):
    preprocessor = MODELS.build(dict(type='WordViewsPreprocessor', mean=MEAN, std=STD,
                                     bgr_to_rgb=True))
    views = torch.randint(0, 256, (3, 2, 3, 4, 6), dtype=torch.uint8)
    out = preprocessor(dict(inputs=views if stacked else list(views), data_samples='samples'), True)
    assert out['inputs'].shape == (6, 3, 4, 6) and out['data_samples'] == 'samples'
    for n in range(3):
        for view in range(2):
            for c in range(3):
                wanted = (views[n, view, 2 - c].double() - MEAN[c]) / STD[c]
                torch.testing.assert_close(out['inputs'][3 * view + n, c].double(), wanted)

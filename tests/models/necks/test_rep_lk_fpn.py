import numpy as np
import pytest
import torch

from mmocr_siga.models.backbones import LCNetV4
from mmocr_siga.models.heads import BiasedDBHead
from mmocr_siga.models.necks import RepLKFPN
from mmocr_siga.models.utils.ppocr_v6 import load_part
from tests.helpers.ppocr import onnx_session
from tests.models.backbones.test_lcnet_v4 import DETECTOR


def test_the_coarsest_part_comes_first_and_reaches_all():
    neck = RepLKFPN((2, 3), 16)
    fine, coarse = torch.randn(1, 2, 4, 6), torch.randn(1, 3, 2, 3)
    out = neck([fine, coarse])
    assert out.shape == (1, 16, 4, 6)
    changed = neck([fine + 1, coarse])  # the coarse part comes first and does not see the fine map
    assert torch.equal(changed[:, :8], out[:, :8])
    assert not torch.allclose(changed[:, 8:], out[:, 8:])
    changed = neck([fine, coarse + 1])
    assert not torch.allclose(changed[:, 8:], out[:, 8:])
    # Nearest: each coarse value covers 2 x 2.
    assert torch.equal(out[:, :8, ::2, ::2], out[:, :8, 1::2, 1::2])


@pytest.mark.parametrize('size', [(4, 6), (5, 7)])
def test_odd_sides(size):
    coarse = tuple((s + 1) // 2 for s in size)
    assert RepLKFPN((2, 3), 16)([torch.zeros(1, 2, *size), torch.zeros(1, 3, *coarse)]
                                ).shape[2:] == size


def test_the_probability_map_equals_that_of_the_published_model():
    session = onnx_session('detector')
    parts = dict(backbone=LCNetV4(**DETECTOR), neck=RepLKFPN(), head=BiasedDBHead())
    for name, module in parts.items():
        load_part(module.eval(), f'detector.{name}')
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 96, 128)).astype(np.float32)
    with torch.no_grad():
        found = parts['head'](parts['neck'](parts['backbone'](torch.from_numpy(x))))
    np.testing.assert_allclose(found.numpy(), session.run(None, dict(x=x))[0][:, 0], atol=1e-4)

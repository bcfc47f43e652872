import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mmocr_siga.models.backbones import LCNetV4
from mmocr_siga.models.backbones.lcnet_v4 import Block, Stem
from mmocr_siga.models.utils.ppocr_v6 import load_part
from tests.helpers.ppocr import onnx_session

DETECTOR = dict(stem_channels=(24, 48), depths=(2, 2, 4, 2), strides=((2, 2), ) * 3)


@pytest.mark.parametrize('kwargs, size, shapes, parameters', [
    ({}, (48, 320), [(96, 12, 80), (192, 6, 80), (384, 3, 80)], 2_676_000),
    ({}, (48, 49), [(96, 12, 13), (192, 6, 13), (384, 3, 13)], 2_676_000),
    (DETECTOR, (64, 96), [(48, 16, 24), (96, 8, 12), (192, 4, 6), (384, 2, 3)], None)])
def test_maps(kwargs, size, shapes, parameters):
    model = LCNetV4(**kwargs)
    assert [tuple(x.shape[1:]) for x in model(torch.zeros(1, 3, *size))] == shapes
    assert parameters in (None, sum(p.numel() for p in model.parameters()))


def test_which_blocks_weigh_their_channels():
    weighs = [[block.excite.__class__.__name__ == 'SqueezeExcite' for block in stage
               if isinstance(block, Block)] for stage in LCNetV4().stages]
    assert weighs == [[True, False, False], [True, False, True, False, True, False], [True, False]]


def test_windows_of_two_see_past_the_right_and_lower_edge():
    """The maximum and the 2x2 convolution of the stem, pixel by pixel."""
    stem = Stem(2, 3).double()
    x = torch.randn(1, 3, 6, 10, dtype=torch.float64)
    first = F.conv2d(x, stem.first.weight, stem.first.bias, 2, 1).relu()[0]
    weight, bias = stem.narrow.weight[0], stem.narrow.bias[0]

    def at(i, j):
        return first[:, i, j] if i < 3 and j < 5 else torch.zeros(2, dtype=torch.float64)

    seen = {}
    stem.second.register_forward_hook(lambda module, args, output: seen.update(x=args[0]))
    stem.widen.register_forward_hook(lambda module, args, output: seen.update(narrow=args[0]))
    stem(x)
    for i in range(3):
        for j in range(5):
            window = [at(i + a, j + b) for a in (0, 1) for b in (0, 1)]
            assert torch.allclose(seen['x'][0, :2, i, j], torch.stack(window).amax(0))
            value = sum((weight[:, a, b] * at(i + a, j + b)).sum() for a in (0, 1) for b in (0, 1))
            assert torch.allclose(seen['narrow'][0, 0, i, j], (value + bias).relu())


def test_a_stride_for_each_gap():
    with pytest.raises(ValueError, match='3 stages have 2 strides'):
        LCNetV4(strides=((2, 1), ))


@pytest.mark.parametrize('deformable', [(), (1, 2)])
def test_maps_equal_those_of_the_published_model(deformable):
    names = ['p2o.pd_op.add.18.0', 'p2o.pd_op.add.51.0', 'p2o.pd_op.add.64.0']
    session = onnx_session('recognizer', names)
    model = LCNetV4(deformable=deformable).eval()
    load_part(model, 'recognizer.backbone')
    x = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, 120)).astype(np.float32)
    with torch.no_grad():
        found = model(torch.from_numpy(x))
    for theirs, ours in zip(session.run(names, dict(x=x)), found):
        np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-4)

import pytest
import torch
from mmocr.registry import MODELS
from torch.nn import functional as F

QUAD = torch.tensor([[[[4., 2.], [20., 2.]], [[4., 10.], [20., 10.]]]])


def build(**changes):
    return MODELS.build(dict(type='RegionRectifier', **{'size': (4, 8), **changes}))


def rectified(features, borders=QUAD, stride=1, **changes):
    """One region of the last picture."""
    return build(**changes)(features, borders, torch.tensor([len(features) - 1]), stride)


def assert_same(one, other, **tolerance):
    torch.testing.assert_close(one, other, **{'atol': 1e-5, 'rtol': 1e-5, **tolerance})


@pytest.mark.parametrize('pictures', [1, 2])
def test_an_upright_quad_is_its_crop_resized(pictures):
    features = torch.randn(pictures, 3, 16, 24)
    # Half the size: no sample lies beyond the middle of the crop's outermost pixels.
    expected = F.interpolate(features[-1:, :, 2:10, 4:20], size=(4, 8), mode='bilinear',
                             align_corners=False)
    assert_same(rectified(features), expected)
    # Strides are in pixels of the picture.
    assert_same(rectified(features, 4 * QUAD, stride=4), expected)


def test_a_word_turned_by_a_quarter_is_turned_back():
    features = torch.randn(1, 1, 16, 24)
    # The picture turned clockwise: (x, y) goes to (16 - y, x).
    turned = torch.stack([16 - QUAD[..., 1], QUAD[..., 0]], -1)
    assert_same(rectified(features.rot90(-1, (2, 3)), turned), rectified(features))


def test_gradients_reach_features_and_borders():
    features = torch.randn(2, 2, 6, 9, dtype=torch.float64, requires_grad=True)
    borders = torch.rand(3, 2, 4, 2, dtype=torch.float64) * 5 + 1
    index = torch.tensor([1, 0, 1])
    module = build(size=(2, 3))
    assert torch.autograd.gradcheck(lambda x: module(x, borders, index), (features, ))
    borders.requires_grad_()
    module(features, borders, index).sum().backward()
    assert borders.grad.abs().sum() > 0


@pytest.mark.parametrize('pictures', [1, 2])
def test_coordinates_are_exact_in_half_precision(pictures):
    features = torch.randn(pictures, 2, 8, 1200)
    borders = torch.tensor([[[[1100.3, 1.], [1150.7, 1.]], [[1100.3, 7.], [1150.7, 7.]]]])
    exact = rectified(features.bfloat16().float(), borders)
    with torch.autocast('cpu', torch.bfloat16):
        out = rectified(features.bfloat16(), borders)
    assert out.dtype == torch.bfloat16
    # Rounding of the results alone; a coordinate in bfloat16 would be 4 pixels off.
    assert_same(out.float(), exact, atol=0.02, rtol=0.01)


def test_bezier_borders_that_are_straight_are_quads():
    features = torch.randn(1, 2, 16, 24)
    t = torch.linspace(0, 1, 4)[:, None]
    control = torch.stack([(1 - t) * side[0] + t * side[1] for side in QUAD[0]])[None]
    assert_same(rectified(features, control, form='bezier'), rectified(features))
    around = torch.stack([control[:, 0], control[:, 1].flip(1)], 1).flatten(1)
    assert_same(rectified(features, around, form='bezier_clockwise'), rectified(features))


@pytest.mark.parametrize('form,shape', [('points', (0, 2, 5, 2)), ('bezier', (0, 16))])
def test_no_region_gives_an_empty_result_that_can_be_gone_back_from(form, shape):
    features = torch.randn(2, 3, 8, 8, requires_grad=True)
    out = build(form=form)(features, torch.zeros(shape), torch.zeros(0, dtype=torch.long))
    assert out.shape == (0, 3, 4, 8)
    out.sum().backward()
    assert not features.grad.any()


def test_several_samples_are_averaged_and_none_is_outside_the_picture():
    features = torch.randn(1, 2, 16, 24)
    assert_same(rectified(features, samples=2), F.avg_pool2d(rectified(features, size=(8, 16)), 2))
    features = torch.ones(1, 1, 8, 8)
    assert (rectified(features, QUAD - 100) == 1).all()


@pytest.mark.parametrize('wrong', [dict(form='splines'), dict(size=(0, 4)), dict(samples=0)])
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=str(next(iter(wrong))).split('_')[0]):
        build(**wrong)

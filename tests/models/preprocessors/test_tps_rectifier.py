import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.preprocessors import TPSRectifier


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build(dict(type='TPSRectifier', output_size=(16, 48), **changes))


def images(batch=2, size=(16, 48)):
    return torch.rand(batch, 3, *size)


def test_it_begins_with_the_identity():
    """Up to its border: its pixel centers are those of an image whose edges are at -1 and 1."""
    rectifier = build().eval()
    rectifier.init_weights()
    x = (2 * torch.arange(48) + 1 - 48) / 48
    y = (2 * torch.arange(16) + 1 - 16) / 16
    want = torch.stack(torch.meshgrid(x, y, indexing='xy'), -1)
    torch.testing.assert_close(rectifier.grid(images())[1], want, atol=1e-5, rtol=0)
    constant = torch.full((1, 3, 16, 48), 0.7)
    torch.testing.assert_close(rectifier(constant), constant)
    with pytest.raises(ValueError, match='19 in 2 rows'):
        TPSRectifier(num_points=19)


def test_images_of_any_size_train_it():
    rectifier = build().train()
    out = rectifier(images(2, (20, 70)))
    assert out.shape == (2, 3, 16, 48)
    out.square().sum().backward()
    assert rectifier.points.weight.grad.abs().sum() > 0
    assert 'matrix' not in rectifier.state_dict()  # which is no weight


def test_frozen_it_stays_as_it_is():
    rectifier = build(frozen=True).train()
    rectifier.points.bias.data.fill_(0.3)
    before = {k: v.clone() for k, v in rectifier.state_dict().items()}
    assert not any(p.requires_grad for p in rectifier.parameters())
    rectifier(images())
    assert all(torch.equal(before[k], v) for k, v in rectifier.state_dict().items())
    rectifier.init_weights()
    assert (rectifier.points.bias == 0.3).all()  # loaded points


def test_the_grid_is_exact_under_mixed_precision():
    rectifier = build().eval()
    with torch.autocast('cpu', torch.bfloat16):
        grid = rectifier.grid(images())
    assert grid.dtype == torch.float32
    torch.testing.assert_close(grid, rectifier.grid(images()), atol=0.02, rtol=0)
    assert len(grid[0, 0, :, 0].unique()) == 48  # bfloat16 would merge columns

import math

import pytest
import torch

from mmocr_siga.models.losses.bce_dice_loss import bce_dice_loss


def test_by_hand():
    probability = torch.tensor([[[[0.5, 0.25]]], [[[1.0, 0.0]]]], dtype=torch.float64)
    mask = torch.tensor([[[[True, False]]], [[[True, False]]]])
    entropy = -(math.log(0.5) + math.log(0.75) + 0 + 0) / 4
    dice = 1 - ((2 * 0.5 + 1) / (0.75 + 1 + 1) + 1) / 2
    assert bce_dice_loss(probability, mask).item() == pytest.approx(entropy + dice)


@pytest.mark.parametrize('value, truth, loss', [(0., False, 0), (1., True, 0),
                                                (1., False, -math.log(1e-6) + 16 / 17)])
def test_ends_are_finite(value, truth, loss):
    probability = torch.full((2, 1, 4, 4), value, requires_grad=True)
    found = bce_dice_loss(probability, torch.full((2, 1, 4, 4), truth))
    assert found.item() == pytest.approx(loss, rel=1e-5)
    found.backward()
    assert probability.grad.isfinite().all()


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r'of shape \(1, 1, 2, 2\) as probability'):
        bce_dice_loss(torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2).bool())

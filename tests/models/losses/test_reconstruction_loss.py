import pytest
import torch

from mmocr_siga.models.losses.reconstruction_loss import reconstruction_loss


def by_hand(made, wanted, mask, extra, reach):
    """Pixel by pixel."""
    total = weights = 0
    count, channels, height, width = made.shape
    for n in range(count):
        for y in range(height):
            for x in range(width):
                near = any(mask[n, 0, j, i]
                           for j in range(max(0, y - reach), min(height, y + reach + 1))
                           for i in range(max(0, x - reach), min(width, x + reach + 1)))
                weight = 1 + extra * near
                for c in range(channels):
                    total += weight * abs(float(made[n, c, y, x] - wanted[n, c, y, x]))
                    weights += weight
    return total / weights


@pytest.mark.parametrize('reach', [0, 1, 2])
def test_against_a_loop(reach):
    made, wanted = torch.rand(2, 2, 3, 5, 7, dtype=torch.float64)
    mask = torch.rand(2, 1, 5, 7) > 0.9
    assert reconstruction_loss(made, wanted, mask, 4.0, reach).item() == pytest.approx(
        by_hand(made, wanted, mask, 4.0, reach))


@pytest.mark.parametrize('mask', [None, torch.zeros(2, 1, 4, 4).bool(),
                                  torch.ones(2, 1, 4, 4).bool()])
def test_without_a_mask_with_an_empty_and_with_a_full_one_all_pixels_count_the_same(mask):
    made, wanted = torch.rand(2, 2, 3, 4, 4)
    assert reconstruction_loss(made, wanted, mask).item() == pytest.approx(
        (made - wanted).abs().mean().item(), rel=1e-6)


def test_half_precision_is_summed_in_float32_and_misfits_are_refused():
    made, wanted = torch.rand(2, 1, 3, 4, 4).bfloat16()
    loss = reconstruction_loss(made, wanted)
    assert loss.dtype == torch.float32
    with pytest.raises(ValueError, match='the picture that is wanted'):
        reconstruction_loss(made, wanted[:, :1])
    with pytest.raises(ValueError, match=r'mask must be of shape \(N, 1, H, W\)'):
        reconstruction_loss(made, wanted, torch.zeros(1, 3, 4, 4).bool())

import pytest
import torch
from mmocr.registry import MODELS
from torch.nn import functional as F

from mmocr_siga.models.losses.style_alignment_loss import style_distance, style_info_nce


@pytest.mark.parametrize('other, distance', [
    ((1, 0), 0), ((7, 0), 0), ((0, 2), 2), ((-3, 0), 4), ((1, 3**.5), 1)])
def test_tokens_of_known_angles(other, distance):
    first = torch.tensor([[[5., 0.]]], dtype=torch.float64)
    second = torch.tensor([[other]], dtype=torch.float64)
    assert style_distance(first, second).item() == pytest.approx(distance, abs=1e-12)


def test_the_mean_over_tokens_knows_no_scale_and_is_differentiable():
    a, b = torch.randn(2, 2, 3, 4, dtype=torch.float64)
    a.requires_grad_()
    by_hand = sum(2 - 2 * (a[n, q] @ b[n, q]) / (a[n, q].norm() * b[n, q].norm())
                  for n in range(2) for q in range(3)) / 6
    assert torch.allclose(style_distance(a, b), by_hand)
    scales = torch.rand(2, 3, 1, dtype=torch.float64) + 0.1
    assert torch.allclose(style_distance(scales * a, 3 * b), by_hand)
    assert torch.autograd.gradcheck(lambda x: style_distance(x, b), [a])
    assert style_distance(torch.zeros(1, 1, 4), torch.zeros(1, 1, 4)) == 0


def test_info_nce_is_a_classification_of_pooled_styles():
    a, b = torch.randn(2, 3, 5, 4, dtype=torch.float64)
    scores = F.cosine_similarity(a.mean(1)[:, None], b.mean(1)[None], dim=2) / 0.1
    losses = [-scores[i, i] + (scores[i].logsumexp(0) + scores[:, i].logsumexp(0)) / 2
              for i in range(3)]
    assert torch.allclose(style_info_nce(a, b), sum(losses) / 3)
    assert style_info_nce(a[:1], b[:1]) == 0
    loss = MODELS.build(dict(type='StyleAlignmentLoss', form='info_nce', loss_weight=2.))
    assert torch.allclose(loss(a, b), 2 * sum(losses) / 3)


def test_what_is_no_pair_of_styles_is_refused():
    with pytest.raises(ValueError, match=r'\(N, Q, D\) = \(1, 2, 3\)'):
        style_distance(torch.zeros(1, 2, 3), torch.zeros(1, 2, 4))
    with pytest.raises(ValueError, match="but is 'l2'"):
        MODELS.build(dict(type='StyleAlignmentLoss', form='l2'))

"""SegSort by loops in float64, and by hand."""
import math

import pytest
import torch
from mmocr.registry import MODELS
from torch.nn.functional import normalize

from mmocr_siga.models.losses.functional import segsort_loss

NOISE = torch.Generator().manual_seed(0)


def case(n=3, pixels=6, segments=5, channels=4):
    v, p = (normalize(torch.randn(n, count, channels, generator=NOISE, dtype=torch.float64), dim=2)
            for count in (pixels, segments))
    labels = torch.randint(1, 4, (n, segments), generator=NOISE)
    own = torch.randint(0, segments + 1, (n, pixels), generator=NOISE)
    return v, p, own, labels


def loops(v, p, own, labels, kappa):
    words = []
    for n in range(len(v)):
        losses = []
        for i in range(v.shape[1]):
            a = int(own[n, i]) - 1
            if a < 0:
                continue
            e = [math.exp(kappa * float(v[n, i] @ q)) for q in p[n]]
            y = labels[n, a]
            others = [e[j] for j in range(len(e)) if j != a and labels[n, j] == y]
            positive = sum(others) if others else e[a]
            negative = sum(e[j] for j in range(len(e)) if labels[n, j] not in (0, y))
            losses.append(-math.log(positive / (positive + negative)))
        words.append(sum(losses) / len(losses) if losses else 0.0)
    return words


@pytest.mark.parametrize('kappa', [1.0, 16.0])
def test_against_loops(kappa):
    v, p, own, labels = case()
    own[2] = 0  # a word without pixels
    labels[1, 4] = 0  # a segment that is not there
    own[1] = own[1].clamp(max=4)
    words = loops(v, p, own, labels, kappa)
    loss = segsort_loss(v, p, own, labels, kappa)
    assert loss.item() == pytest.approx(sum(words) / 3, rel=1e-12)
    for n in range(3):  # a word alone is its share of the batch
        alone = segsort_loss(v[n:n + 1], p[n:n + 1], own[n:n + 1], labels[n:n + 1], kappa)
        assert alone.item() == pytest.approx(words[n], rel=1e-12)
    # Padding with pixels and segments, and another order of the segments.
    pad = torch.nn.functional.pad
    padded = segsort_loss(pad(v, (0, 0, 0, 2), value=1.0), pad(p, (0, 0, 0, 3), value=1.0),
                          pad(own, (0, 2)), pad(labels, (0, 3)), kappa)
    assert padded.item() == pytest.approx(loss.item(), rel=1e-12)
    order = torch.tensor([3, 1, 4, 0, 2])
    place = pad(order.argsort() + 1, (1, 0))
    turned = segsort_loss(v, p[:, order], place[own], labels[:, order], kappa)
    assert turned.item() == pytest.approx(loss.item(), rel=1e-12)


def test_by_hand():
    v, p = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    own = torch.tensor([[1]])
    assert segsort_loss(v, p, own, torch.tensor([[1, 1]])).item() == 0  # one label
    # Alone in its label: its own prototype is what draws it, e^1 against e^0.
    loss = segsort_loss(v, p, own, torch.tensor([[1, 2]]), 1.0).item()
    assert loss == pytest.approx(math.log(1 + math.exp(-1)), rel=1e-6)
    # A positive as weak as e^-16 next to the own one of e^16 is not lost.
    p = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]])
    loss = segsort_loss(v, p, own, torch.tensor([[1, 1, 2]])).item()
    assert loss == pytest.approx(16, rel=1e-5)


def test_gradients_and_precision():
    v, p, own, labels = case()
    own[2] = 0
    assert torch.autograd.gradcheck(lambda v, p: segsort_loss(v, p, own, labels),
                                    (v.requires_grad_(), p.requires_grad_()))
    want = segsort_loss(v, p, own, labels).item()
    v, p = v.detach().float(), p.detach().float()
    with torch.autocast('cpu', torch.bfloat16):
        assert segsort_loss(v, p, own, labels).item() == pytest.approx(want, rel=1e-5)
    loss = MODELS.build(dict(type='SegSortLoss', loss_weight=0.5, concentration=16.0))
    assert loss(v, p, own, labels).item() == pytest.approx(want / 2, rel=1e-5)
    with pytest.raises(ValueError, match='prototypes must be'):
        segsort_loss(v, p[:2], own, labels)

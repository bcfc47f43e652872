"""Against loops in float64, and two processes against one."""
import numpy as np
import pytest
import torch
from torch import multiprocessing

from mmocr_siga.models.losses import TextImageContrastiveLoss
from mmocr_siga.models.losses.functional import contrastive_loss


def vectors(count=5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((2, count, 7))


def by_hand(image, text, scale, valid):
    rows = np.flatnonzero(valid)
    image, text = (side[rows] / np.linalg.norm(side[rows], axis=1, keepdims=True)
                   for side in (image, text))
    total = 0.0
    for a, b in ((image, text), (text, image)):
        for i in range(len(rows)):
            scores = np.array([scale * a[i] @ other for other in b])
            total += np.log(np.exp(scores).sum()) - scores[i]
    return total / max(len(rows), 1)


@pytest.mark.parametrize('valid', [[1, 1, 1, 1, 1], [1, 0, 1, 1, 0], [0, 0, 0, 1, 0], [0] * 5])
def test_equals_loops(valid):
    image, text = vectors()
    tensors = [torch.tensor(side, requires_grad=True) for side in (image, text)]
    loss = contrastive_loss(*tensors, 3.0, torch.tensor(valid).bool())
    assert float(loss) == pytest.approx(by_hand(image, text, 3.0, valid), abs=1e-9)
    loss.backward()
    for tensor in tensors:
        assert tensor.grad.isfinite().all()
        assert not tensor.grad[~torch.tensor(valid).bool()].any()


def test_one_pair_costs_nothing_and_half_precision_is_widened():
    image, text = (torch.tensor(side).float() for side in vectors())
    assert float(contrastive_loss(image[:1], text[:1], 10.0)) == 0
    with torch.autocast('cpu', torch.bfloat16):
        inside = contrastive_loss(image, text, 10.0)
    assert inside.dtype == torch.float32
    assert float(inside) == pytest.approx(float(contrastive_loss(image, text, 10.0)), rel=1e-6)
    with pytest.raises(ValueError, match='text'):
        contrastive_loss(image, text[:2], 1.0)


def one_of_two(rank, path, out):
    torch.set_num_threads(1)
    torch.distributed.init_process_group('gloo', init_method=f'file://{path}', rank=rank,
                                         world_size=2)
    image, text = (torch.tensor(side, requires_grad=True) for side in vectors(6))
    rows, valid = slice(3 * rank, 3 * rank + 3), torch.tensor([1, 1, 0, 1, 1, 1]).bool()
    loss = TextImageContrastiveLoss()(image[rows], text[rows], valid[rows])
    loss.backward()
    # What data parallel training does with gradients.
    grad = torch.stack([image.grad, text.grad]) / 2
    torch.distributed.all_reduce(grad)
    torch.save((loss.detach(), grad), f'{out}{rank}')
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason='no gloo')
def test_two_processes_equal_one(tmp_path):
    multiprocessing.spawn(one_of_two, (str(tmp_path / 'meet'), str(tmp_path / 'out')), nprocs=2)
    image, text = (torch.tensor(side, requires_grad=True) for side in vectors(6))
    loss = TextImageContrastiveLoss()(image, text, torch.tensor([1, 1, 0, 1, 1, 1]).bool())
    loss.backward()
    for rank in (0, 1):
        found, grad = torch.load(tmp_path / f'out{rank}', weights_only=True)
        torch.testing.assert_close(found, loss.detach(), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(grad, torch.stack([image.grad, text.grad]), rtol=1e-4, atol=1e-6)

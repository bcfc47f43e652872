"""Recomputed modules give the same results, gradients and statistics, and keep less."""
import copy

import pytest
import torch
from torch import nn

from mmocr_siga.models import SegmentationHead, SIGAResNet45, TPSRectifier
from mmocr_siga.models.layers import recomputed

NOISE = torch.Generator().manual_seed(0)
IMAGES = torch.rand(2, 3, 32, 64, generator=NOISE)
FUSED = torch.rand(2, 8, 8, 16, generator=NOISE)
SKIP = torch.rand(2, 4, 16, 32, generator=NOISE)


def outputs_gradients_statistics(model, call):
    model.train()
    out = call(model)
    sum(x.square().sum() for x in out).backward()
    return ([x.detach() for x in out], [p.grad for p in model.parameters()],
            [b.clone() for b in model.buffers()])


def saved_bytes(function):
    """Memory that the backward pass would need."""
    seen = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        function()
    return sum(seen.values())


def rectifier():
    model = TPSRectifier(output_size=(16, 32))
    torch.nn.init.normal_(model.points.weight, std=0.01)
    return model


@pytest.mark.parametrize('build, call', [
    (lambda: SIGAResNet45(base_channels=4), lambda model: model(IMAGES)),
    (rectifier, lambda model: [model(IMAGES)]),
    (lambda: SegmentationHead([8], trunk=False, up_channels=8), lambda model: [model([FUSED])]),
    (lambda: SegmentationHead([8], trunk=False, skip_channels=4, scales=((2, 2), (2, 1))),
     lambda model: [model([FUSED], SKIP)])])
def test_results_gradients_and_statistics_are_the_same(build, call):
    plain = build()
    saving = copy.deepcopy(plain)
    saving.with_cp = True
    for ours, theirs in zip(outputs_gradients_statistics(saving, call),
                            outputs_gradients_statistics(plain, call)):
        torch.testing.assert_close(ours, theirs)
    # The running statistics have seen the batch, once.
    assert all(int(m.num_batches_tracked) == 1 for m in saving.modules()
               if isinstance(m, nn.BatchNorm2d))
    with torch.no_grad():
        torch.testing.assert_close(call(saving.eval()), call(plain.eval()))
    plain.train(), saving.train()
    assert saved_bytes(lambda: call(saving)) < 0.7 * saved_bytes(lambda: call(plain))


def test_batch_norm_is_as_it_was_behind_an_error():
    norm = nn.BatchNorm1d(2)
    x = torch.rand(4, 2, requires_grad=True)
    calls = []

    def function(x):
        calls.append((norm.momentum, norm.num_batches_tracked is None))
        if len(calls) > 1:
            raise KeyError('again')
        return norm(x).exp()

    out = recomputed(norm, function, x)
    try:
        out.sum().backward()
    except KeyError:
        pass
    assert calls == [(0.1, False), (0., True)]
    assert norm.momentum == 0.1 and int(norm.num_batches_tracked) == 1

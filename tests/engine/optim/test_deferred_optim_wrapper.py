import pytest
import torch
from mmengine import optim as mmengine_optim
from mmengine.optim import build_optim_wrapper
from torch import nn

from mmocr_siga.engine.optim import (
    DeferredAmpOptimWrapper,
    DeferredOptimWrapper,
    deferred_amp_optim_wrapper,
)


@pytest.fixture(autouse=True)
def _no_accelerator(monkeypatch):
    monkeypatch.setattr(deferred_amp_optim_wrapper, 'has_accelerator', lambda: False)


@pytest.fixture
def make(monkeypatch):
    """A wrapper that clips the gradients of a weight, and logs to a hub of its own."""
    def make(kind, weight, **clip):
        wrapper = kind(optimizer=torch.optim.SGD([weight], lr=1.), clip_grad=clip)
        monkeypatch.setattr(wrapper.message_hub, '_log_scalars', {})
        return wrapper
    return make


@pytest.mark.parametrize('kind, ours', [
    (None, DeferredOptimWrapper), ('OptimWrapper', DeferredOptimWrapper),
    ('AmpOptimWrapper', DeferredAmpOptimWrapper), ('mmengine.OptimWrapper', None)])
def test_a_config_gets_ours_by_the_constructor_alone(kind, ours, monkeypatch):
    """As it is, and as ``--amp`` of MMOCR's tools/train.py leaves it."""
    # MMEngine's own needs an accelerator.
    monkeypatch.setattr(mmengine_optim.AmpOptimWrapper, '__init__',
                        mmengine_optim.OptimWrapper.__init__)
    cfg = dict(optimizer=dict(type='SGD', lr=0.5))
    if kind:
        cfg['type'] = kind
    model = nn.Linear(1, 1)
    theirs = getattr(mmengine_optim, (kind or 'OptimWrapper').split('.')[-1])
    assert type(build_optim_wrapper(model, cfg)) is theirs
    built = build_optim_wrapper(model, dict(
        cfg, constructor='DeferredOptimWrapperConstructor',
        paramwise_cfg=dict(bias_lr_mult=0.1)))
    assert type(built) is (ours or theirs) and isinstance(built, theirs)
    assert built.get_lr()['lr'] == [0.5, 0.05]


@pytest.mark.parametrize('kind', [DeferredOptimWrapper, DeferredAmpOptimWrapper])
def test_gradients_are_clipped_and_the_norm_is_logged(kind, make):
    weight = nn.Parameter(torch.tensor([1., 1.]))
    wrapper = make(kind, weight, max_norm=1.)
    wrapper.step()  # without gradients, which is no error
    assert weight.tolist() == [1, 1]
    for _ in range(2):
        wrapper.update_params((weight * torch.tensor([3., 4.])).sum())
    # The gradient (3, 4) has the norm 5: a step of (0.6, 0.8).
    torch.testing.assert_close(weight.data, torch.tensor([-0.2, -0.6]))
    assert wrapper.message_hub.get_scalar('train/grad_norm').data[0] == pytest.approx([5, 5])
    # Clipped by value there is none.
    weight = nn.Parameter(torch.tensor([1.]))
    wrapper = make(kind, weight, type='value', clip_value=0.5)
    wrapper.update_params((weight * 3).sum())
    assert weight.item() == 0.5 and not wrapper.message_hub.log_scalars

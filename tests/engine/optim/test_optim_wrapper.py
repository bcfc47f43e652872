import pytest
import torch
from mmengine.optim import OptimWrapper as MMEngineOptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, DefaultScope
from torch import nn

from mmocr_siga.engine.optim import AmpOptimWrapper, OptimWrapper, amp_optim_wrapper


def wrapper(kind, weight, **clip):
    return kind(optimizer=torch.optim.SGD([weight], lr=1.), clip_grad=clip or None)


def test_name_leads_here_from_mmocr():
    with DefaultScope.overwrite_default_scope('mmocr'):
        built = OPTIM_WRAPPERS.build(dict(
            type='OptimWrapper', optimizer=torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1)))
    assert type(built) is OptimWrapper and isinstance(built, MMEngineOptimWrapper)


@pytest.mark.parametrize('kind', [OptimWrapper, AmpOptimWrapper])
def test_gradients_are_clipped_and_the_norm_is_logged(kind, monkeypatch):
    monkeypatch.setattr(amp_optim_wrapper, 'has_accelerator', lambda: False)
    weight = nn.Parameter(torch.tensor([1., 1.]))
    ours = wrapper(kind, weight, max_norm=1.)
    history = ours.message_hub.log_scalars.pop('train/grad_norm', None)
    for _ in range(2):
        ours.update_params((weight * torch.tensor([3., 4.])).sum())
    # The gradient (3, 4) has the norm 5: a step of (0.6, 0.8).
    torch.testing.assert_close(weight.data, torch.tensor([-0.2, -0.6]))
    assert ours.message_hub.get_scalar('train/grad_norm').data[0] == pytest.approx([5, 5])
    if history is not None:
        ours.message_hub.log_scalars['train/grad_norm'] = history


def test_clipping_by_value_has_no_norm():
    weight = nn.Parameter(torch.tensor([1.]))
    ours = wrapper(OptimWrapper, weight, type='value', clip_value=0.5)
    ours.message_hub.log_scalars.pop('train/grad_norm', None)
    ours.update_params((weight * 3).sum())
    assert weight.item() == 0.5 and 'train/grad_norm' not in ours.message_hub.log_scalars


def test_a_step_without_gradients_is_no_error():
    weight = nn.Parameter(torch.tensor([1.]))
    ours = wrapper(OptimWrapper, weight, max_norm=1.)
    ours.step()
    assert weight.item() == 1

import pytest
import torch
from mmengine.optim import AmpOptimWrapper
from torch import nn

from mmocr_siga.compat.checkpoint import load
from mmocr_siga.compat.cpu_launcher import has_accelerator
from mmocr_siga.engine.optim import (
    DeferredAmpOptimWrapper,
    DeferredOptimWrapper,
    deferred_amp_optim_wrapper,
)
from tests.helpers.toy_run import build, toy_config, write_words

on_cpu = pytest.mark.skipif(has_accelerator(), reason='there is an accelerator')


@pytest.fixture
def no_accelerator(monkeypatch):
    """Behavior of a machine without one, on any machine."""
    monkeypatch.setattr(deferred_amp_optim_wrapper, 'has_accelerator', lambda: False)


def made(kind=DeferredAmpOptimWrapper, device='cpu', lr=0.5, **kwargs):
    """A wrapper and its one weight, 3."""
    weight = nn.Parameter(torch.tensor([3.], device=device))
    return kind(optimizer=torch.optim.SGD([weight], lr=lr, momentum=0.9), **kwargs), weight


@on_cpu
@pytest.mark.parametrize('dtype', [None, 'bfloat16', 'float16', torch.float16, torch.bfloat16])
def test_forward_runs_in_bfloat16(dtype):
    model = nn.Linear(4, 4)
    with made(dtype=dtype)[0].optim_context(model):
        assert model(torch.ones(1, 4)).dtype == torch.bfloat16
    assert model(torch.ones(1, 4)).dtype == model.weight.dtype == torch.float32


@pytest.mark.parametrize('loss_scale', ['dynamic', 512., dict(init_scale=4.)])
def test_loss_is_not_scaled(no_accelerator, loss_scale):
    wrapper, weight = made(loss_scale=loss_scale)
    wrapper.update_params((weight * 2).sum())
    assert weight.item() == pytest.approx(3 - 0.5 * 2)


@pytest.mark.parametrize('kwargs, error, match', [
    (dict(dtype='float64'), ValueError, "got dtype='float64'"),
    (dict(use_fsdp=True), ValueError, 'use_fsdp=True needs an accelerator'),
    (dict(accumulate=2), TypeError, 'accumulate')])
def test_wrong_arguments(no_accelerator, kwargs, error, match):
    with pytest.raises(error, match=match):
        made(**kwargs)


@pytest.mark.parametrize('kind', [DeferredAmpOptimWrapper, DeferredOptimWrapper])
@pytest.mark.parametrize('of_a_gpu', [{}, dict(loss_scaler=dict(scale=65536., growth_factor=2.))])
def test_states_go_both_ways(no_accelerator, kind, of_a_gpu):
    wrapper, weight = made()
    wrapper.update_params((weight * 2).sum())
    state = wrapper.state_dict()
    assert 'loss_scaler' not in state
    other, _ = made(kind, lr=0.1)
    state.update(of_a_gpu)
    other.load_state_dict(state)
    assert other.get_lr()['lr'] == [0.5]
    assert other.optimizer.state_dict()['state'][0]['momentum_buffer'].item() == 2
    assert state.items() >= of_a_gpu.items()


@pytest.mark.cuda
def test_with_an_accelerator_it_is_that_of_mmengine():
    wrapper, weight = made(device='cuda', loss_scale=512.)
    reference, _ = made(AmpOptimWrapper, device='cuda', loss_scale=512.)
    assert wrapper.loss_scaler.get_scale() == reference.loss_scaler.get_scale() == 512
    wrapper.update_params((weight * 2).sum())
    assert weight.item() == pytest.approx(3 - 0.5 * 2)
    state = wrapper.state_dict()
    assert state.keys() == reference.state_dict().keys()
    with wrapper.optim_context(nn.Identity()):
        assert torch.is_autocast_enabled()
    state.pop('loss_scaler')  # as a run on the CPU saves it
    wrapper.load_state_dict(state)
    assert wrapper.loss_scaler.get_scale() == 512
    # bfloat16 has no scaler, and its checkpoints resume in float16.
    other, weight = made(device='cuda', dtype='bfloat16')
    other.update_params((weight * 2).sum())
    assert weight.item() == pytest.approx(3 - 0.5 * 2) and not other.loss_scaler.is_enabled()
    wrapper.load_state_dict(other.state_dict())
    assert wrapper.loss_scaler.get_scale() == 512
    other.load_state_dict(wrapper.state_dict())
    assert not other.loss_scaler.is_enabled()


@on_cpu
@pytest.mark.parametrize('first, second', [(True, True), (True, False), (False, True)])
def test_runs_resume_with_and_without(tmp_path, first, second):
    build(toy_config(write_words(tmp_path), 'run', amp=first)).train()
    saved = tmp_path / 'run' / 'epoch_1.pth'
    assert torch.bfloat16 not in {weight.dtype for weight in load(saved)['state_dict'].values()}
    config = toy_config(tmp_path, 'run', max_epochs=2, amp=second)
    runner = build(config, saved, resume=True)
    assert type(runner.build_optim_wrapper(config.optim_wrapper)) is (
        DeferredAmpOptimWrapper if second else DeferredOptimWrapper)
    runner.train()
    assert runner.iter == 4
    steps = [state['step'] for state in runner.optim_wrapper.state_dict()['state'].values()]
    assert steps and all(step == 2 for step in steps)  # two iterations to a step, in each epoch
    losses = runner.message_hub.get_scalar('train/loss').data[0]
    assert len(losses) == 4 and all(loss > 0 for loss in losses)

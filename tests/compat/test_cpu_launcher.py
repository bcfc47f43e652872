import socket

import pytest
import torch
from mmengine.dist import utils as dist_utils
from mmengine.model import MMDistributedDataParallel

from mmocr_siga.compat import cpu_launcher

on_cpu = pytest.mark.skipif(cpu_launcher.has_accelerator(), reason='there is an accelerator')


@pytest.fixture
def one_process(monkeypatch):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    for name, value in dict(MASTER_ADDR='127.0.0.1', MASTER_PORT=port, RANK=0, WORLD_SIZE=1,
                            LOCAL_RANK=0).items():
        monkeypatch.setenv(name, str(value))
    yield
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@on_cpu
def test_nccl_becomes_gloo_and_models_are_wrapped(one_process):
    dist_utils.init_dist('pytorch', 'nccl')
    assert torch.distributed.get_backend() == 'gloo'
    model = torch.nn.Linear(2, 1)
    wrapped = MMDistributedDataParallel(module=model, device_ids=[0])
    x = torch.randn(3, 2)
    torch.testing.assert_close(wrapped(x), model(x))
    wrapped(x).sum().backward()
    torch.testing.assert_close(model.weight.grad, x.sum(0, keepdim=True))
    with pytest.raises(ValueError, match="'deepspeed'"):
        dist_utils._init_dist_pytorch('gloo', init_backend='deepspeed')


def test_with_an_accelerator_the_launcher_is_that_of_mmengine(monkeypatch):
    calls = []
    launcher = type(dist_utils)('utils')
    launcher._init_dist_pytorch = lambda *args, **kwargs: calls.append((args, kwargs))
    cpu_launcher.join_by_gloo(launcher)
    monkeypatch.setattr(cpu_launcher, 'has_accelerator', lambda: True)
    launcher._init_dist_pytorch('nccl', init_backend='deepspeed', timeout=1)
    assert calls == [(('nccl', ), dict(init_backend='deepspeed', timeout=1))]

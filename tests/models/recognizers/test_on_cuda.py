"""On a GPU: the same losses, gradients and readings as on the CPU, no wait, and half precision."""
import copy

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmocr.registry import MODELS

from tests.conftest import REPO
from tests.helpers.words import sample, tiny_model

pytestmark = pytest.mark.cuda
DEVICE = 'cuda'

# Small ones, one of each kind of decoder, and configs with parts that those lack: deformable
# convolutions, CTC on images of several widths, plug-ins.
KINDS = ['siga', 'plain', 'parallel', 'coverage', 'srn']
CONFIGS = ['siga_tiny_baseline_dcn', 'siga_lcnet_v4', 'plugins/sar_tiny_plugged']
PREPROCESSOR = dict(type='WordDataPreprocessor', mean=[127, 127, 127], std=[64, 64, 64])
TEXTS = ['ab1', 'x', 'words', 'c3p0']


@pytest.fixture(autouse=True)
def _exact():
    """Products in float32, not in TF32."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def build(name):
    """A model on the CPU that draws nothing by chance."""
    torch.manual_seed(0)
    if name in KINDS:
        cfg = tiny_model(name, data_preprocessor=PREPROCESSOR)
    else:
        cfg = Config.fromfile(REPO / f'configs/{name}.py').model
    model = MODELS.build(cfg).train()
    for module in model.modules():
        if isinstance(getattr(module, 'dropout', None), float):
            module.dropout = 0.
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.
    return model


def batch(name, training=True):
    """Words in images of one size, or, for CTC, of several widths."""
    height, widths = (48, [160, 160, 224, 320]) if 'lcnet' in name else (32, [128] * 4)
    noise = torch.Generator().manual_seed(1)
    samples = [sample(text, targets=False,
                      mask=torch.rand(1, height, width, generator=noise) > 0.7)
               for text, width in zip(TEXTS, widths)]
    for each, width in zip(samples, widths):
        each.set_metainfo(dict(img_shape=(height, width)))
        if not training:
            del each.gt_text
    return dict(inputs=[torch.randint(0, 256, (3, height, width), dtype=torch.uint8,
                                      generator=noise) for width in widths],
                data_samples=samples)


def losses_of(model, name):
    data = model.data_preprocessor(batch(name), True)
    losses = model(**data, mode='loss')
    model.parse_losses(losses)[0].backward()
    return losses, {key: parameter.grad for key, parameter in model.named_parameters()
                    if parameter.grad is not None}


@pytest.mark.parametrize('name', KINDS + CONFIGS)
def test_losses_and_gradients_are_those_of_the_cpu(name):
    model = build(name)
    on_gpu = copy.deepcopy(model).to(DEVICE)
    expected, gradients = losses_of(model, name)
    found, on_device = losses_of(on_gpu, name)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key].cpu(), value, rtol=1e-3, atol=1e-4, msg=key)
    assert on_device.keys() == gradients.keys()
    whole = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
    for key, gradient in gradients.items():
        distance = (on_device[key].cpu() - gradient).norm()
        assert distance <= 1e-2 * gradient.norm() + 1e-4 * whole, key


@pytest.mark.parametrize('name', KINDS + CONFIGS)
def test_readings_are_those_of_the_cpu(name):
    model = build(name).eval()
    on_gpu = copy.deepcopy(model).to(DEVICE)
    with torch.no_grad():
        expected = model.test_step(batch(name, training=False))
        found = on_gpu.test_step(batch(name, training=False))
    for ours, theirs in zip(found, expected):
        assert ours.pred_text.item == theirs.pred_text.item
        assert ours.pred_text.score == pytest.approx(theirs.pred_text.score, abs=1e-3)


def trainer(name, wrapper, **options):
    model = build(name).to(DEVICE)
    return model, build_optim_wrapper(model, dict(
        type=wrapper, constructor='DeferredOptimWrapperConstructor',
        optimizer=dict(type='AdamW', lr=1e-4), clip_grad=dict(max_norm=5), **options))


@pytest.mark.parametrize('name', KINDS + CONFIGS)
@pytest.mark.parametrize('options', [
    dict(wrapper='OptimWrapper'), dict(wrapper='AmpOptimWrapper', dtype='bfloat16')])
def test_no_step_waits(name, options):
    model, optimizer = trainer(name, **options)
    for _ in range(2):  # the first ones set up what stays
        model.train_step(batch(name), optimizer)
    data = batch(name)
    torch.cuda.set_sync_debug_mode('error')
    try:
        model.train_step(data, optimizer)
    finally:
        torch.cuda.set_sync_debug_mode('default')


@pytest.mark.parametrize('name', KINDS + CONFIGS)
@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_steps_in_half_precision_are_finite(name, dtype):
    model, optimizer = trainer(name, 'AmpOptimWrapper', dtype=dtype, loss_scale=128.)
    before = copy.deepcopy(model.state_dict())
    for _ in range(3):
        losses = model.train_step(batch(name), optimizer)
        assert all(torch.isfinite(torch.as_tensor(value)).all() for value in losses.values())
    after = model.state_dict()
    assert all(torch.isfinite(value).all() for value in after.values())
    assert any(not torch.equal(value, before[key]) for key, value in after.items())

import math

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmocr.registry import MODELS, PARAM_SCHEDULERS
from torch.nn import functional as F

from mmocr_siga.models.backbones import LCNetV4
from mmocr_siga.models.layers import DeformableConv2d, deformable_conv2d
from tests.conftest import REPO
from tests.helpers.words import sample

F64 = torch.float64


def rand(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def in_loops(x, offset, weight, mask, stride, padding, dilation, groups):
    """Place by place, tap by tap, corner by corner."""
    n, channels, h, w = x.shape
    out_channels, share, kh, kw = weight.shape
    rows, columns = offset.shape[2:]
    out = torch.zeros(n, out_channels, rows, columns, dtype=F64)
    for b in range(n):
        for i in range(rows):
            for j in range(columns):
                for g in range(groups):
                    for k in range(kh * kw):
                        at = 2 * (g * kh * kw + k)
                        down, right = offset[b, at:at + 2, i, j].tolist()
                        y = i * stride - padding + k // kw * dilation + down
                        z = j * stride - padding + k % kw * dilation + right
                        seen = torch.zeros(channels, dtype=F64)
                        for row in (math.floor(y), math.floor(y) + 1):
                            for column in (math.floor(z), math.floor(z) + 1):
                                if 0 <= row < h and 0 <= column < w:
                                    near = (1 - abs(y - row)) * (1 - abs(z - column))
                                    seen += near * x[b, :, row, column]
                        if mask is not None:
                            seen = seen * mask[b, g * kh * kw + k, i, j]
                        for o in range(out_channels):
                            first = o // (out_channels * share // channels) * share
                            for c in range(share):
                                if (first + c) // (channels // groups) == g:
                                    out[b, o, i, j] += (weight[o, c, k // kw, k % kw]
                                                        * seen[first + c])
    return out


def case(channels=4, out=6, share=4, size=(5, 7), kernel=(3, 3), stride=1, padding=1, dilation=1,
         groups=1, reach=3., batch=2):
    rows, columns = ((side + 2 * padding - dilation * (k - 1) - 1) // stride + 1
                     for side, k in zip(size, kernel))
    taps = kernel[0] * kernel[1]
    return dict(x=rand(batch, channels, *size),
                offset=reach * rand(batch, 2 * groups * taps, rows, columns, seed=1),
                weight=rand(out, share, *kernel, seed=2), bias=rand(out, seed=3),
                mask=rand(batch, groups * taps, rows, columns, seed=4).sigmoid(),
                stride=stride, padding=padding, dilation=dilation)


CASES = dict(
    plain={}, far=dict(reach=30.), two_groups=dict(groups=2), strided=dict(stride=2),
    dilated=dict(dilation=2, padding=2), unpadded=dict(padding=0, kernel=(2, 3)),
    depthwise=dict(share=1, out=4), grouped=dict(share=2, groups=2),
    offsets_across_groups=dict(share=2, groups=4), row=dict(size=(1, 7)), column=dict(size=(5, 1)),
    cell=dict(size=(1, 1)), single=dict(batch=1))


@pytest.mark.parametrize('masked', [True, False])
@pytest.mark.parametrize('name', CASES)
def test_equals_torchvision(name, masked):
    from torchvision.ops import deform_conv2d
    given = case(**CASES[name])
    if not masked:
        given['mask'] = None
    theirs = deform_conv2d(given['x'], given['offset'], given['weight'], given['bias'],
                           *(given[key] for key in ('stride', 'padding', 'dilation', 'mask')))
    torch.testing.assert_close(deformable_conv2d(**given), theirs, rtol=0, atol=1e-12)
    last = {**given, 'x': given['x'].contiguous(memory_format=torch.channels_last)}
    torch.testing.assert_close(deformable_conv2d(**last), theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize('changes', [
    dict(size=(3, 4), batch=1), dict(size=(3, 4), batch=1, groups=2, stride=2),
    dict(size=(3, 4), batch=1, share=2, groups=4, dilation=2, padding=2)])
def test_equals_loops(changes):
    given = case(**changes)
    expected = in_loops(*(given[key] for key in (
        'x', 'offset', 'weight', 'mask', 'stride', 'padding', 'dilation')),
        changes.get('groups', 1)) + given['bias'][:, None, None]
    torch.testing.assert_close(deformable_conv2d(**given), expected, rtol=0, atol=1e-12)


def test_whole_offsets_shift_the_picture_and_none_are_a_convolution():
    given = case(reach=0.)
    x, weight, bias = given['x'], given['weight'], given['bias']
    plain = deformable_conv2d(**{**given, 'mask': None})
    torch.testing.assert_close(plain, F.conv2d(x, weight, bias, padding=1), rtol=0, atol=1e-12)
    shift = torch.zeros(2, 9, 2, 5, 7, dtype=F64)
    shift[:, :, 0], shift[:, :, 1] = 2, -1
    moved = deformable_conv2d(x, shift.flatten(1, 2), weight, bias, None, 1, 1)
    wide = F.conv2d(F.pad(x, (4, 4, 4, 4)), weight, bias)  # its (i + 3, j + 3) is our (i, j)
    torch.testing.assert_close(moved, wide[:, :, 5:10, 2:9], rtol=0, atol=1e-12)


def test_gradients():
    given = case(size=(3, 4), batch=1, channels=2, share=2, out=2, reach=0.3)
    given['offset'] = given['offset'].clamp(-.4, .4) + 0.5  # not on a cell, where there is an edge
    names = ('x', 'offset', 'weight', 'bias', 'mask')
    tensors = [given[name].requires_grad_() for name in names]
    assert torch.autograd.gradcheck(
        lambda *values: deformable_conv2d(*values, 1, 1), tensors)


@pytest.mark.cuda
@pytest.mark.parametrize('name', ['plain', 'far', 'two_groups', 'strided', 'grouped'])
def test_on_a_gpu_as_on_the_cpu_without_waiting_for_it(name):
    given = case(**CASES[name])
    results = []
    for device in 'cpu', 'cuda':
        moved = {key: value.detach().to(device).requires_grad_()
                 if isinstance(value, torch.Tensor) else value for key, value in given.items()}
        torch.cuda.set_sync_debug_mode('error' if device == 'cuda' else 'default')
        try:
            out = deformable_conv2d(**moved)
            out.square().sum().backward()
        finally:
            torch.cuda.set_sync_debug_mode('default')
        results.append([out.detach(), *(value.grad for value in moved.values()
                                        if isinstance(value, torch.Tensor))])
    for expected, found in zip(*results):
        torch.testing.assert_close(found.cpu(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('changes, message', [
    (dict(offset=rand(2, 17, 5, 7)), '9 taps need offsets of 2 x 9 channels'),
    (dict(offset=rand(2, 18, 4, 7)), r'offset must be \(2, 18, 5, 7\), but is \(2, 18, 4, 7\)'),
    (dict(mask=rand(2, 8, 5, 7)), r'mask must be \(2, 9, 5, 7\)'),
    (dict(weight=rand(6, 3, 3, 3)), 'for 3 channels does not fit a map of 4')])
def test_what_does_not_fit_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        deformable_conv2d(**{**case(), **changes})


@pytest.mark.parametrize('kwargs', [
    {}, dict(modulated=False), dict(groups=2), dict(depthwise=True), dict(stride=2)])
def test_a_layer_begins_as_the_convolution_of_its_weights(kwargs):
    torch.manual_seed(0)
    layer, x = DeformableConv2d(4, 4, **kwargs).double(), rand(2, 4, 6, 9)
    expected = F.conv2d(x, layer.weight, layer.bias, layer.stride, 1,
                        groups=4 if kwargs.get('depthwise') else 1)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)
    layer(x).square().sum().backward()
    assert all(p.grad is not None for p in layer.parameters())
    assert layer.conv_offset.weight.grad.abs().max() > 0


def test_offsets_and_masks_are_read_in_their_order():
    torch.manual_seed(0)
    layer, x = DeformableConv2d(4, 3, groups=2).double(), rand(1, 4, 5, 6)
    for parameter in layer.conv_offset.parameters():
        torch.nn.init.normal_(parameter, std=.3)
    both = F.conv2d(x, layer.conv_offset.weight, layer.conv_offset.bias, 1, 1)
    expected = in_loops(x, both[:, :36], layer.weight, 2 * both[:, 36:].sigmoid(), 1, 1, 1, 2)
    torch.testing.assert_close(layer(x), expected + layer.bias[:, None, None], rtol=0, atol=1e-12)


def test_padding_is_never_reached():
    torch.manual_seed(0)
    layer = DeformableConv2d(4, 4, residual=True).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter)
    x = rand(2, 4, 5, 9)
    valid = torch.tensor([[True] * 6 + [False] * 3, [True] * 9])
    found = layer(x, valid)
    torch.testing.assert_close(found[:1, ..., :6], layer(x[:1, ..., :6]), rtol=0, atol=1e-12)
    torch.testing.assert_close(found[1:], layer(x[1:]), rtol=0, atol=1e-12)


def test_half_precision_places_samples_as_float32_does():
    torch.manual_seed(0)
    layer, x = DeformableConv2d(4, 4), torch.rand(1, 4, 8, 300)
    torch.nn.init.uniform_(layer.conv_offset.bias, -2, 2)
    exact = layer(x)
    with torch.autocast('cpu', torch.bfloat16):
        near = layer(x)
        near.float().sum().backward()
    assert layer.conv_offset.bias.grad.isfinite().all()
    # Offsets are rounded to a hundredth; places in bfloat16 would be off by a cell at 300.
    assert (near.float() - exact).abs().mean() < 0.02 * exact.abs().mean()
    half = layer.bfloat16()(x.bfloat16())
    assert half.dtype == torch.bfloat16
    assert (half.float() - exact).abs().mean() < 0.02 * exact.abs().mean()


def test_exports_to_onnx(tmp_path):
    pytest.importorskip('onnx', reason='the package onnx is not installed')
    ort = pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
    from mmocr_siga.export.onnx_graph import _traced
    torch.manual_seed(0)
    layer = DeformableConv2d(4, 5, groups=2).eval()
    for parameter in layer.conv_offset.parameters():
        torch.nn.init.normal_(parameter, std=.3)
    graph = _traced(layer, [torch.rand(2, 4, 6, 9)], ['x'], ['y'],
                    dict(x={0: 'batch', 3: 'width'}), 16)
    session = ort.InferenceSession(graph.SerializeToString(), providers=['CPUExecutionProvider'])
    for shape in ((2, 4, 6, 9), (1, 4, 6, 23)):
        x = torch.rand(shape)
        found, = session.run(None, dict(x=x.numpy()))
        torch.testing.assert_close(torch.from_numpy(found), layer(x).detach(), rtol=0, atol=1e-4)


def dcn():
    cfg = Config.fromfile(REPO / 'configs/siga_tiny_baseline_dcn.py')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return cfg, model


def test_the_config_begins_as_the_baseline_and_learns_offsets_slowly():
    cfg, model = dcn()
    plain = MODELS.build(Config.fromfile(REPO / 'configs/siga_tiny_baseline.py').model).eval()
    missing = plain.load_state_dict(model.state_dict(), strict=False)
    assert not missing.missing_keys and len(missing.unexpected_keys) == 8
    assert sum('conv_offset' in key for key in missing.unexpected_keys) == 4
    words = torch.rand(2, 3, 32, 128)
    with torch.no_grad():
        torch.testing.assert_close(model.eval()._forward(words), plain._forward(words))
    # Rates half way through the schedule.
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    schedulers = [PARAM_SCHEDULERS.build(dict(step, optimizer=wrapper))
                  for step in cfg.param_scheduler]
    for _ in range(cfg.max_iters // 2):
        for scheduler in schedulers:
            scheduler.step()
    rates = {id(p): group['lr'] for group in wrapper.param_groups for p in group['params']}
    offsets = {rates[id(p)] for name, p in model.named_parameters() if 'conv_offset' in name}
    others = {rates[id(p)] for name, p in model.named_parameters() if 'conv_offset' not in name}
    assert len(offsets) == len(others) == 1 and 3e-4 < max(others) < 1e-3
    assert max(offsets) == pytest.approx(max(others) / 10)
    # One step of the plug-in's own weights, and offsets learn, too.
    losses = []
    for _ in range(2):
        loss = model.train().loss(words, [sample('ab'), sample('c')])['loss_word']
        wrapper.update_params(loss)
        losses.append(loss)
    moved = [p for name, p in model.named_parameters() if 'conv_offset.weight' in name]
    assert len(moved) == 2 and all(p.abs().max() > 0 for p in moved)


def test_the_trunk_with_deformable_stages_reads_as_without():
    torch.manual_seed(0)
    small = dict(stem_channels=(4, 8), depths=(1, 3), strides=((2, 1), ))
    trunk, plain = LCNetV4(**small, deformable=(1, )).eval(), LCNetV4(**small).eval()
    missing = trunk.load_state_dict(plain.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert {key.rpartition('.')[0][-11:] for key in missing.missing_keys} == {'conv_offset'}
    assert len(missing.missing_keys) == 6
    words = torch.rand(2, 3, 48, 64)
    with torch.no_grad():
        torch.testing.assert_close(trunk(words), plain(words))
        torch.nn.init.normal_(trunk.stages[1][2].depthwise.conv_offset.bias, std=2)
        free, told = (trunk(words, samples)[1] for samples in (None, torch.tensor([0.5, 1.])))
    torch.testing.assert_close(free[1], told[1])
    assert not torch.allclose(free[0], told[0])

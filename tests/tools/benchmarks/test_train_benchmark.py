"""tools/benchmarks/train.py and its checks."""
import collections
import contextlib
import itertools
import json
import types
from pathlib import Path

import common
import pytest
import torch
import train
import training_checks as checks
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.optim import build_optim_wrapper
from mmocr.registry import MODELS
from torch import nn

from tests.helpers.distillers import distiller, packed
from tests.helpers.readers import word_picture
from tests.helpers.words import sample

CONFIGS = Path(__file__).parents[3] / 'configs'


def test_a_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    out = tmp_path / 'train.json'
    assert train.main([
        f'ours={CONFIGS / "siga_tiny.py"}', f'base={CONFIGS / "srn_tiny.py"}', 'gone=gone.py',
        '--batch', '2', '--repeats', '2', '--precision', 'float32', 'amp-fp16', '--yardstick',
        'base', '--no-memory', '--json', str(out)]) == 0
    rows = {(r['name'], r['precision']): r for r in json.loads(out.read_text())['rows']}
    for name in ('ours', 'base'):
        row = rows[name, 'float32']
        assert set(row['split_ms']) == {'data', *train.PHASES}
        assert all(value > 0 for value in row['split_ms'].values())
        assert row['calls'] > 500 and row['gflops'] > 0.1 and row['images_per_s'] > 0
    assert rows['base', 'float32']['ratio'] == 1
    if not torch.cuda.is_available():
        assert 'float16 needs an accelerator' in rows['ours', 'amp-fp16']['error']
    assert 'FileNotFoundError' in rows['gone', 'float32']['error']
    text = capsys.readouterr().out
    assert 'Parts of a step' in text and 'not measured' in text


def test_steps_one_behind_the_other_and_behind_workers(tmp_path, monkeypatch):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    monkeypatch.setattr(common, 'device_seconds', lambda step, device: step() or 0.25)

    def seconds(function, now=None):
        function()
        return 2.

    monkeypatch.setattr(common, 'seconds', seconds)
    out = tmp_path / 'train.json'
    assert train.main([
        str(CONFIGS / 'srn_tiny.py'), '--batch', '2', '--repeats', '1', '--precision',
        'amp-bf16+channels-last', '--no-memory', '--busy', '--workers', '1', '--json', str(out)
    ]) == 0
    row, = json.loads(out.read_text())['rows']
    # All of a kind take 2 s: 4 steps of 2 words, of which the device computes for a quarter of a
    # second each; behind workers 2 batches are counted.
    assert row['steady_images_per_s'] == 4 and row['busy'] == 0.5
    assert row['fed_images_per_s'] == row['loader_images_per_s'] == 2


def test_the_device_computes_as_long_as_something_runs(monkeypatch):
    Event = collections.namedtuple('Event', 'device_type time_range')
    Range = collections.namedtuple('Range', 'start end')
    spans = [(10, 30), (0, 20), (25, 26), (50, 60), (60, 61)]
    events = [Event(torch.autograd.DeviceType.CPU, Range(*span)) for span in spans]
    events.append(Event(torch.autograd.DeviceType.CUDA, Range(0, 999)))
    monkeypatch.setattr(common, 'profile', lambda activities: contextlib.nullcontext(
        types.SimpleNamespace(events=lambda: events)))
    called = []
    found = common.device_seconds(lambda: called.append(1), torch.device('cpu'))
    assert called == [1] and found == pytest.approx(41e-6)


def test_the_parts_of_a_step_by_a_clock_of_our_own():
    ticks = iter(range(100))
    watch = train.Stopwatch(torch.device('cpu'), lambda: float(next(ticks)))

    class Loss(nn.Module):
        def get_targets(self):
            return 0

        def forward(self):
            return self.get_targets()

    model = nn.Module()
    model.loss_mask, model.other = Loss(), Loss()
    watch.watch(model)
    watch.switch('forward')  # 0
    model.other()
    model.loss_mask()  # 1, its targets from 2 to 3, 4
    watch.switch('backward')  # 5
    watch.switch(None)  # 6
    assert watch.phases() == dict(forward=2, losses=3, backward=1)
    assert watch.phases() == {}


def test_the_parts_of_a_pre_training():
    ticks = iter(range(100))
    watch = train.Stopwatch(torch.device('cpu'), lambda: float(next(ticks)))

    class Part(nn.Module):
        def forward(self):
            return 0

    class Pretraining(nn.Module):
        def find_regions(self):
            return 0

    model = Pretraining()
    model.teacher = Part()
    model.teacher.backbone = Part()
    watch.watch(model)
    watch.switch('forward')  # 0
    model.find_regions()  # 1 to 2
    model.teacher()  # 3 to 4
    model.teacher.backbone()  # 5 to 6
    watch.switch(None)  # 7
    assert watch.phases() == dict(forward=4, regions=1, teacher=2)
    split = dict(data=9., forward=40., losses=5., backward=30., optimizer=15., teacher=8.,
                 regions=1., average=1.)
    plain = dict(data=9., forward=50., losses=30., backward=10., optimizer=10.)
    lines = train.parts([dict(name='ccd', precision='float32', split_ms=split),
                         dict(name='siga', precision='float32', split_ms=plain)]).splitlines()
    assert 'teacher | regions | average | largest beside the networks' in lines[0]
    assert '| 15 (15%) | 8 (8%) | 1 (1%) | 1 (1%) | optimizer | 9 |' in lines[2]
    assert '| 10 (10%) |  |  |  | losses | 9 |' in lines[3]


@pytest.mark.parametrize('own_masks, places', [(False, 0), (True, 1)])
def test_a_pre_training_waits_for_the_number_of_its_own_characters_alone(own_masks, places):
    model = distiller(own_masks=own_masks).train()
    optimizer = build_optim_wrapper(model, dict(
        type='OptimWrapper', constructor='DeferredOptimWrapperConstructor',
        optimizer=dict(type='AdamW', lr=1e-3), clip_grad=dict(type='tensor', max_norm=3)))
    data = [pseudo_collate([packed(word_picture(text), prob=1) for text in ('Glyph', '12')])
            for _ in range(3)]
    found = checks.waits(model, optimizer, data, torch.device('cpu'))
    assert len(found) == places and all('nonzero' in place for place in found)


def test_another_pipeline_stands_in():
    cfg = Config(dict(train_pipeline=[dict(type='NoSuchTransform')],
                      test_pipeline=[dict(type='EnsureBGR')]))
    pipeline, note = train.train_pipeline(cfg)
    assert len(pipeline.transforms) == 1 and 'NoSuchTransform' in note


def batches(count, size=2, with_masks=True):
    texts = ['ab1', 'x', 'words', 'c3po']
    return [dict(
        inputs=[torch.randint(0, 256, (3, 32, 128), dtype=torch.uint8) for _ in range(size)],
        data_samples=[sample(texts[i % 4], targets=False,
                             mask=torch.rand(1, 32, 128) > 0.7 if with_masks else None)
                      for i in range(size)]) for _ in range(count)]


@pytest.mark.parametrize('amp', [False, True])
@pytest.mark.parametrize('name, with_masks', [
    ('siga_tiny.py', True), ('siga_tiny.py', False), ('siga_p_tiny.py', True),
    ('srn_tiny.py', True), ('siga_tiny_baseline.py', True), ('plugins/nrtr_tiny_plugged.py', True),
    ('plugins/sar_tiny_plugged.py', True)])
def test_no_step_waits_for_the_device(name, amp, with_masks):
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    cfg = Config.fromfile(CONFIGS / name)
    model = MODELS.build(cfg.model).to(device).train()
    # Loss scaling in float16 has to look at the gradients; bfloat16 needs none.
    wrapper = dict(cfg.optim_wrapper, **(dict(type='AmpOptimWrapper', dtype='bfloat16') if amp
                                         else {}))
    assert wrapper['clip_grad']
    optimizer = build_optim_wrapper(model, wrapper)
    assert checks.waits(model, optimizer, batches(3, with_masks=with_masks), device) == []


class Waiting(BaseModel):
    """Waits for the device in a way of its own."""

    def __init__(self, how):
        super().__init__()
        self.weight, self.how = nn.Parameter(torch.ones(4)), how

    def forward(self, inputs, mode):
        images = inputs.to(self.weight.device)
        value = self.weight * images
        self.how(value)
        return dict(loss=value.sum())


def waits(model):
    optimizer = build_optim_wrapper(model, dict(optimizer=dict(type='SGD', lr=0.1)))
    return checks.waits(model, optimizer, 2 * [dict(inputs=torch.ones(4))], torch.device('cpu'))


@pytest.mark.parametrize('how, what', [
    (lambda x: x.sum().item(), 'reads a number'),
    (lambda x: bool(x.any()), 'reads a number'),
    (lambda x: float(x[0]), 'reads a number'),
    (lambda x: x.nonzero(), 'nonzero'),
    (lambda x: torch.where(x > 0), 'nonzero'),
    (lambda x: x[x > 0], 'mask'),
    (lambda x: x.masked_select(x > 0), 'masked_select'),
    (lambda x: x.detach().clone().__setitem__(x > 0, 0), 'mask'),
    (lambda x: x.tolist(), 'tolist'),
    (lambda x: x.detach().numpy(), 'numpy'),
    (lambda x: x.cpu(), 'cpu'),
    (lambda x: x.to('cpu'), 'cpu'),
    (lambda x: x.unique(), 'unique'),
    (lambda x: x.equal(x), 'equal'),
])
def test_waits_are_found(how, what):
    found = waits(Waiting(how))
    assert found and all(what in place and Path(__file__).name in place for place in found)


def test_waits_in_the_backward_pass_and_of_what_was_sent_are_found():
    class Backward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, grad):
            return grad * float(grad.sum())

    class Model(Waiting):
        def forward(self, inputs, mode):
            sent = inputs.to(self.weight.device)
            int(sent.sum())
            return dict(loss=Backward.apply(self.weight).sum())

    assert len(waits(Model(None))) == 2


def test_the_host_may_read_its_own():
    class Model(Waiting):
        def forward(self, inputs, mode):
            lengths = torch.tensor([1, 2])
            assert int(lengths.sum()) == 3 and lengths.tolist() == [1, 2]
            return dict(loss=(self.weight * inputs.to(self.weight.device)).sum())

    assert waits(Model(None)) == []


@pytest.mark.filterwarnings('ignore')
@pytest.mark.parametrize('spoilt, found', [
    (None, 'all losses and weights of 2 steps are finite'),
    (1, 'step 2: the loss is not finite'), (2, '1 weights are not finite at the end')])
def test_finite_runs_and_others(siga_data, monkeypatch, capsys, spoilt, found):
    monkeypatch.setenv('SIGA_DATA', str(siga_data))
    train_step, steps = BaseModel.train_step, itertools.count(1)

    def step(self, data, optim_wrapper):
        losses = train_step(self, data, optim_wrapper)
        if next(steps) == spoilt:
            next(self.parameters()).data.fill_(float('inf'))
        return losses

    monkeypatch.setattr(BaseModel, 'train_step', step)
    code = train.main([str(CONFIGS / 'siga_tiny.py'), '--check-finite', '--steps', '2',
                       '--batch', '2', '--precision', 'amp-bf16'])
    assert code == bool(spoilt) and found in capsys.readouterr().out

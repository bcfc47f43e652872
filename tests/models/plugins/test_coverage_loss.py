"""The loss by hand and by loops, and as a plug-in of recognizers of others."""
import pytest
import torch
from mmengine.logging import MessageHub

from mmocr_siga.models.losses.functional import repeated_attention_loss
from mmocr_siga.models.plugins import CoverageLoss
from tests.helpers.mmocr_models import RECOGNIZERS, batch, build_small

ONE, OTHER, BOTH = [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]


@pytest.mark.parametrize('attention, length, want', [
    ([ONE, ONE], 2, 1.0),  # the same place twice
    ([ONE, OTHER], 2, 0.0),  # two places
    ([BOTH], 1, 0.0),  # one step
    ([ONE, ONE, ONE], 3, 2.0),
    ([BOTH, ONE, OTHER], 3, 1.0),
    ([BOTH, BOTH, ONE], 3, 2.0),
    ([ONE, OTHER, ONE, ONE], 2, 0.0),  # padded steps count nothing
    ([ONE, ONE], 0, 0.0),  # a word without characters
])
def test_by_hand(attention, length, want):
    one = torch.tensor([attention])
    assert repeated_attention_loss(one, torch.tensor([length])).item() == want
    # Of two words the mean; over rows as over columns.
    two = torch.cat([one, torch.zeros_like(one)])
    loss = repeated_attention_loss(two[:, :, :, None], torch.tensor([length, length]))
    assert loss.item() == want / 2


def test_against_loops_and_gradients():
    torch.manual_seed(0)
    attention = torch.rand(3, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([4, 2, 9])
    total = 0.0
    for n in range(3):
        for y in range(2):
            for x in range(3):
                before = 0.0
                for t in range(min(4, int(lengths[n]))):
                    now = attention[n, t, y, x].item()
                    total += min(now, before)
                    before += now
    loss = repeated_attention_loss(attention, lengths)
    assert loss.item() == pytest.approx(total / 3, rel=1e-12)
    assert torch.autograd.gradcheck(lambda a: repeated_attention_loss(a, lengths), attention)
    half = repeated_attention_loss(attention.bfloat16(), lengths)
    assert half.dtype == torch.float32 and half.item() == pytest.approx(loss.item(), rel=0.02)
    for wrong in (attention[0, 0], attention.long()):
        with pytest.raises(ValueError, match='attention must be'):
            repeated_attention_loss(wrong, lengths)
    with pytest.raises(ValueError, match='lengths must be'):
        repeated_attention_loss(attention, lengths[:2])


@pytest.mark.parametrize('name', ['sar_parallel', 'nrtr', 'aster'])
def test_as_a_plug_in(name):
    plugins = dict(cover=dict(type='CoverageLoss', weight=0.5))
    model = build_small(name, type='PluggedRecognizer', plugins=plugins).train()
    assert not list(model.plugins.parameters())
    inputs, samples = batch(RECOGNIZERS[name][2], ['abc', 'a'])
    losses = model.loss(inputs, samples)
    assert losses['loss_repetition'].item() > 0
    losses['loss_repetition'].backward()
    assert any(p.grad is not None and p.grad.any() for n, p in model.named_parameters()
               if n.startswith('decoder.'))
    # One character repeats nothing.
    _, samples = batch(RECOGNIZERS[name][2], ['b', 'a'])
    assert model.loss(inputs, samples)['loss_repetition'].item() == 0


def test_it_starts_late(monkeypatch):
    hub = MessageHub.get_instance('coverage_loss')
    monkeypatch.setattr(MessageHub, 'get_current_instance', classmethod(lambda cls: hub))
    model = build_small('nrtr', type='PluggedRecognizer',
                        plugins=dict(cover=dict(type='CoverageLoss', start=7))).train()
    inputs, samples = batch(RECOGNIZERS['nrtr'][2], ['abc', 'a'])
    for iteration, counts in ((None, False), (6, False), (7, True), (8, True)):
        if iteration is not None:
            hub.update_info('iter', iteration)
        assert (model.loss(inputs, samples)['loss_repetition'].item() > 0) == counts
    with pytest.raises(ValueError, match='start is an iteration'):
        CoverageLoss(start=-1)

import pytest
import torch
from mmocr.registry import MODELS
from torch import nn

from mmocr_siga.inference.optimize import fold_normalisations, optimize_for_reading
from mmocr_siga.models.layers import WinogradConv2d
from tests.helpers.words import tiny_model


def build(**changes):
    torch.manual_seed(0)
    model = MODELS.build(tiny_model(**changes)).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.2, 1.5)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.3)
    return model


@pytest.mark.parametrize('preprocessor', [None, dict(type='TPSRectifier', output_size=(32, 64),
                                                     num_points=8)])
def test_it_reads_the_same_with_fewer_layers(preprocessor):
    model, images = build(preprocessor=preprocessor), torch.randn(3, 3, 32, 64)
    with torch.no_grad():
        expected = model(images, None, mode='tensor')
        maps = model.encoder(model.extract_feat(images)).glyph_maps
        optimised = optimize_for_reading(model, (32, 64))
        torch.testing.assert_close(optimised(images, None, mode='tensor'), expected, rtol=1e-5,
                                   atol=1e-5)
        folded = optimised.encoder(optimised.extract_feat(images)).glyph_maps
    torch.testing.assert_close(folded['fine'], maps['fine'], rtol=1e-4, atol=1e-4)
    assert optimised is model and optimised.glyph_head is None
    assert not any(isinstance(m, nn.BatchNorm2d) for m in optimised.modules())
    assert not any(p.requires_grad for p in optimised.parameters())
    assert optimised.decoder.frozen_reading is not None


def test_a_model_in_training_mode_is_refused():
    with pytest.raises(ValueError, match='call model.eval'):
        optimize_for_reading(build().train())


class Host(nn.Module):
    """Reads images (N, 3, H, W) as three layers tell; stands for a recogniser."""

    def __init__(self, wire):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 3, 3, padding=1), nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.wire = wire
        nn.init.constant_(self.norm.running_mean, 2.)

    def forward(self, images, samples, mode):
        return self.wire(self, images)


@pytest.mark.parametrize('wire, count', [
    (lambda m, x: m.norm(m.first(x)), 1),
    (lambda m, x: m.first(m.norm(x)), 0),  # before a convolution
    (lambda m, x: m.norm(m.first(x).relu()), 0),  # not directly behind it
    (lambda m, x: m.norm(m.first(x)) + m.norm(m.second(x)), 0),  # shared by two
    (lambda m, x: m.norm(m.first(m.first(x))), 0),  # behind one of two uses
])
def test_only_what_follows_a_convolution_is_folded(wire, count):
    torch.manual_seed(0)
    model, images = Host(wire).eval(), torch.randn(2, 3, 8, 8)
    expected = wire(model, images)
    assert fold_normalisations(model, images) == count
    torch.testing.assert_close(wire(model, images), expected, rtol=1e-5, atol=1e-5)


def test_a_convolution_that_feeds_something_else_too_is_noticed():
    def wire(model, x):
        out = model.first(x)
        return model.norm(out) + out

    model, images = Host(wire).eval(), torch.randn(2, 3, 8, 8)
    expected, state = wire(model, images), model.state_dict()
    with pytest.raises(RuntimeError, match='feeds more than the normalisation'):
        fold_normalisations(model, images)
    assert isinstance(model.norm, nn.BatchNorm2d)
    assert torch.equal(wire(model, images), expected)
    assert model.state_dict().keys() == state.keys()


def test_nothing_of_the_training_head_runs_in_reading():
    model, images = build(), torch.randn(2, 3, 32, 64)

    def refuse(*args):
        raise AssertionError('a module of the training head ran')

    for module in model.glyph_head.modules():
        module.register_forward_pre_hook(refuse)
    with torch.no_grad():
        with torch.profiler.profile(record_shapes=False) as full:
            with_head = model(images, None, mode='tensor')
        model.glyph_head = None
        with torch.profiler.profile(record_shapes=False) as without:
            without_head = model(images, None, mode='tensor')
    assert torch.equal(with_head, without_head)

    def calls(profile):
        return {event.key: event.count for event in profile.key_averages()
                if event.key.startswith('aten::')}

    assert calls(full) == calls(without) and len(calls(full)) > 10


@pytest.mark.parametrize('tile, error', [(2, 1e-5), (4, 1e-4), ('auto', 1e-4)])
def test_winograd_reads_the_same(tile, error, monkeypatch):
    monkeypatch.setattr('mmocr_siga.inference.optimize.WIDE', {2: 4, 4: 4})
    monkeypatch.setattr('mmocr_siga.inference.optimize.WIDE_ADAPTIVE', (4, 4))
    model, images = build(), torch.randn(3, 3, 32, 64)
    with torch.no_grad():
        expected = model(images, None, mode='tensor')
        optimize_for_reading(model, (32, 64), winograd=tile)
        got = model(images, None, mode='tensor')
    assert any(isinstance(m, WinogradConv2d) for m in model.modules())
    assert (got - expected).abs().max() < error
    with pytest.raises(ValueError, match="winograd must be 2, 4, 'auto' or None"):
        optimize_for_reading(model, winograd=3)

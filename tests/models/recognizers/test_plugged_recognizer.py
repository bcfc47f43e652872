"""A plugged recognizer is its base with losses more: same weights, same answers, no traces."""
import copy
from math import log

import pytest
import torch
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from mmocr.registry import MODELS
from torch import nn

from mmocr_siga.models import GlyphRecognizer, Plugin, PluginMixin
from mmocr_siga.models.losses.functional import sec_loss
from mmocr_siga.models.plugins import teacher_forced_attention
from mmocr_siga.models.plugins.column_masks import mask_columns
from tests.helpers.mmocr_models import RECOGNIZERS, batch, build_small, small_config
from tests.helpers.words import sample, tiny_model

SEC = dict(sec=dict(type='SECLoss', loss_weight=1.0))
SIZE = (48, 80)


def glyph(**changes):
    """Config of the glyph plug-in for the small SAR."""
    return dict(dict(
        type='GlyphPlugin', backbone_maps=('backbone.relu2', 'backbone.relu3'), in_channels=(8, 8),
        feature_channels=16, channels=6, hidden_size=5, max_seq_len=4), **changes)


def plugged(name='sar_parallel', plugins=None, **changes):
    return build_small(name, type='PluggedRecognizer', plugins=plugins or SEC, **changes)


def hooks(model):
    """Everything that hangs on a model's modules."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


@pytest.mark.parametrize('name', sorted(RECOGNIZERS))
def test_reading_and_losses_are_the_recognizers_bit_for_bit(name):
    model, base = plugged(name).eval(), build_small(name, seed=1).eval()
    mask_columns(base)
    assert not base.load_state_dict(model.state_dict()).missing_keys
    back = plugged(name).load_state_dict(base.state_dict())
    assert not back.missing_keys and not back.unexpected_keys
    inputs, samples = batch(RECOGNIZERS[name][2])
    plugins = model._modules.pop('plugins')  # whoever touched them would fail
    with torch.no_grad():
        assert torch.equal(model._forward(inputs, samples), base._forward(inputs, samples))
        ours, theirs = (m.predict(inputs, copy.deepcopy(samples)) for m in (model, base))
    for a, b in zip(ours, theirs):
        assert a.pred_text.item == b.pred_text.item and a.pred_text.score == b.pred_text.score
    model._modules['plugins'] = plugins
    torch.manual_seed(3)
    want = base.train().loss(inputs, copy.deepcopy(samples))
    torch.manual_seed(3)
    got = model.train()(inputs, samples, mode='loss')
    assert set(got) == {*want, 'loss_sec'} and got['loss_sec'] > 0 and hooks(model) == 0
    assert all(torch.equal(value, got[key]) for key, value in want.items())


def test_the_sec_loss_by_hand():
    model = plugged(plugins=dict(sec=dict(type='SECLoss', loss_weight=0.5, pooling='lse'))).train()
    inputs, samples = batch(SIZE, words=('aba', '~' * 40), ratios=(0.5, 1.0))
    got = model.loss(inputs, samples)['loss_sec']
    feature = model.extract_feat(inputs).detach()
    with torch.no_grad():
        decoder = model.decoder
        logits = torch.einsum('ndhw,kd->nhwk', feature, decoder.prediction.weight[:, 12:28])
        logits = (logits + decoder.prediction.bias).flatten(1, 2)
    presence = torch.zeros(2, 93, dtype=torch.bool)
    for row, word in ((0, 'ab'), (1, '~')):
        for character in word:
            presence[row, decoder.dictionary.char2idx(character)] = True
    valid = torch.ones(2, *feature.shape[-2:], dtype=torch.bool)
    valid[0, :, 10:] = False
    want = sec_loss(logits, presence, valid.flatten(1), (90, 91, 92), 'lse')
    torch.testing.assert_close(got.detach(), 0.5 * want)


def test_hooks_go_with_an_exception():
    model = plugged(plugins=dict(glyph=glyph(feed=True), **SEC)).train()
    inputs, samples = batch(SIZE)
    model.decoder.module_loss.forward = lambda *args: 1 / 0
    with pytest.raises(ZeroDivisionError):
        model.loss(inputs, samples)
    assert hooks(model) == 0
    with pytest.raises(Exception, match='.'):
        model.loss(inputs[:, :2], samples)
    assert hooks(model) == 0


def test_own_recognizer_with_sec():
    model = MODELS.build(tiny_model(type='PluggedGlyphRecognizer', plugins=SEC)).train()
    assert isinstance(model, GlyphRecognizer)
    inputs = torch.randn(3, 3, 32, 128)
    losses = model(inputs, [sample(w) for w in ('ab', 'c', '')], mode='loss')
    assert len(losses) == 13 and losses['loss_sec'].isfinite()
    losses['loss_sec'].backward()
    for scale in ('fine', 'coarse'):
        assert (model.decoder.branches[scale].classifier.weight.grad != 0).any()
    # In evaluation mode its loss works too, and is its own.
    assert len(model.eval()(inputs, [sample('a')] * 3, mode='loss')) == 12


@pytest.mark.parametrize('feed', [False, True])
def test_glyph_losses_reach_backbone_and_attention(feed):
    model = plugged(plugins=dict(glyph=glyph(feed=feed), **SEC)).train()
    inputs, samples = batch(SIZE, words=('abc', 'toolong'))
    losses = model(inputs, samples, mode='loss')
    assert set(losses) == {
        'loss_ce', 'loss_sec', 'loss_mask', 'loss_orthogonality', 'loss_coverage',
        'loss_glyph_fine', 'loss_glyph_coarse'}
    assert all(loss.isfinite().all() for loss in losses.values())
    sum(losses.values()).backward(retain_graph=True)
    still = [n for n, p in model.plugins.named_parameters() if p.grad is None]
    assert not still

    def moved(*names):
        model.zero_grad()
        sum(losses[name] for name in names).backward(retain_graph=True)
        return {n for n, p in model.named_parameters()
                if p.grad is not None and (p.grad != 0).any()}

    aligned = moved('loss_orthogonality', 'loss_coverage')
    assert {'decoder.conv1x1_2.weight', 'backbone.conv1_1.weight'} <= aligned
    for name in ('loss_mask', 'loss_glyph_fine', 'loss_glyph_coarse'):
        touched = moved(name)
        assert 'backbone.conv1_1.weight' in touched
        assert not any(n.startswith('decoder') for n in touched), 'labels pass no gradient on'


@pytest.mark.parametrize('name', ['sar_sequential', 'master', 'abinet', 'nrtr'])
def test_glyph_features_start_at_nothing_and_then_matter(name):
    maps = dict(master=('backbone.layer1', 'backbone.layer2'),
                abinet=('backbone.relu1', 'backbone.layer1')).get(
                    name, ('backbone.relu2', 'backbone.relu3'))
    plugin = glyph(feed=True, backbone_maps=maps, scale=(2, 2),
                   in_channels=(1, 1) if name == 'abinet' else (8, 8),
                   image_scales=((1, 1), ) if name == 'abinet' else ((2, 2), ))
    model, base = plugged(name, dict(glyph=plugin)).eval(), build_small(name).eval()
    mask_columns(base)
    loaded = model.load_state_dict(base.state_dict(), strict=False)
    assert all(key.startswith('plugins.glyph.') for key in loaded.missing_keys)
    assert not loaded.unexpected_keys
    inputs, samples = batch(RECOGNIZERS[name][2])
    with torch.no_grad():
        want = base._forward(inputs, samples)
        assert torch.equal(model._forward(inputs, samples), want)
        nn.init.normal_(model.plugins['glyph'].project.weight)
        assert not torch.allclose(model._forward(inputs, samples), want)
        assert [s.pred_text.item for s in model.predict(inputs, samples)]
    assert hooks(model) == 0
    losses = model.train()(inputs, samples, mode='loss')
    assert all(loss.isfinite().all() for loss in losses.values())
    next(v for k, v in losses.items() if k in ('loss_ce', 'loss_visual')).sum().backward()
    weights = model.plugins['glyph']
    for weight in (weights.project.weight, weights.glyph_maps['fine'].weight):
        assert (weight.grad != 0).any()


def test_distributed_training_finds_every_gradient_in_half_precision_too(tmp_path):
    import torch.distributed as dist
    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        model = plugged(plugins=dict(glyph=glyph(feed=True), **SEC)).train()
        parallel = nn.parallel.DistributedDataParallel(model)
        for half in (False, True):  # the second raises where the first did not use a parameter
            with torch.autocast('cpu', torch.bfloat16, enabled=half):
                losses = parallel(*batch(SIZE), mode='loss')
            assert losses['loss_sec'].dtype == torch.float
            sum(losses.values()).backward()
        assert hooks(model) == 0
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    finally:
        dist.destroy_process_group()


def test_a_copy_stands_alone():
    model = plugged().train()
    other = copy.deepcopy(model)
    nn.init.zeros_(other.decoder.prediction.weight)
    nn.init.zeros_(other.decoder.prediction.bias)
    # Of a classifier of zeros all 93 classes are equally probable at each of 6 x 20 positions, of
    # which the second word has half.
    q, half = (1 - (92 / 93) ** (6 * columns) for columns in (20, 10))
    want = (-3 * log(q) - 87 * log(1 - q) - log(half) - 89 * log(1 - half)) / 180
    loss = other.loss(*batch(SIZE))['loss_sec']
    assert loss.item() == pytest.approx(want, rel=1e-4)
    assert loss != model.loss(*batch(SIZE))['loss_sec']


class Shrink(Plugin):
    """A plug-in of a user, made of nothing but the interface."""

    def loss(self, run):
        return dict(loss_shrink=run.feature.square().mean())


def test_a_plugin_and_a_recognizer_of_ones_own():
    MODELS.register_module(name='Shrink', module=Shrink, force=True)

    class Mine(PluginMixin, EncoderDecoderRecognizer):
        pass

    torch.manual_seed(0)
    cfg = small_config('sar_parallel', plugins=dict(shrink=dict(type='Shrink')))
    cfg.pop('type')
    losses = Mine(**cfg).train().loss(*batch(SIZE))
    assert losses['loss_shrink'] > 0 and 'loss_ce' in losses
    with pytest.raises(ValueError, match=r"plug-in again gives the losses \['loss_shrink'\]"):
        Mine(**dict(cfg, plugins=dict(shrink=dict(type='Shrink'), again=dict(type='Shrink')))
             ).train().loss(*batch(SIZE))


@pytest.mark.parametrize('changes, error, message', [
    (dict(plugins=[dict(type='SECLoss')]), TypeError, 'maps names to configs'),
    (dict(plugins=dict(sec=dict(type='TextMaskLoss'))), ValueError, 'TextMaskLoss is no plug-in'),
    (dict(plugins=dict(sec=dict(type='Conv2d', in_channels=1, out_channels=1, kernel_size=1))),
     TypeError, 'sec is a Conv2d'),
    (dict(plugins=dict(sec=dict(type='SECLoss', pooling='mean'))), ValueError,
     "pooling must be one of .* 'mean'"),
    (dict(plugin=SEC), TypeError, "unexpected keyword argument 'plugin'"),
    (dict(plugins=dict(glyph=glyph(backbone_maps=('backbone.a', 'backbone.relu3')))), ValueError,
     "no module 'backbone.a'"),
    (dict(plugins=dict(glyph=glyph(backbone_maps=('backbone.relu3', )))), ValueError, 'two paths'),
    (dict(decoder=dict(type='CRNNDecoder', in_channels=16, dictionary=dict(
        type='WordDictionary', dict_file='lower_english_digits.txt', with_padding=True))),
     ValueError, 'decoder CRNNDecoder; known are .*hooks=dict'),
    (dict(hooks=dict(type='FeatureHooks', feature='backbone', classifier='decoder.prediction'),
          plugins=dict(glyph=glyph())), ValueError, 'set attention in hooks'),
])
def test_bad_configs_are_named(changes, error, message):
    with pytest.raises(error, match=message):
        plugged(**dict(dict(plugins=SEC), **changes))


def test_attention_while_told_the_word():
    model = plugged().train()
    model.backbone.eval()
    modes = [m.training for m in model.modules()]
    before = copy.deepcopy(model.state_dict())
    inputs, samples = batch(SIZE)
    first = teacher_forced_attention(model, inputs, samples)
    assert first.shape == (2, 30, 6, 20) and not first.requires_grad
    torch.testing.assert_close(first.sum((2, 3)), torch.ones(2, 30))
    assert torch.equal(first, teacher_forced_attention(model, inputs, samples))
    # As in reading: every word looks as it does alone.
    alone = teacher_forced_attention(model, inputs[:1], samples[:1])
    torch.testing.assert_close(first[:1], alone)
    assert [m.training for m in model.modules()] == modes and hooks(model) == 0
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key

"""What the hooks see is what the recognizers do: the attention makes their glimpses of the map."""
from threading import Thread

import pytest
import torch
from mmocr.registry import MODELS, TASK_UTILS
from torch import nn

from mmocr_siga.models.plugins import ForwardPass, feature_hooks_of
from mmocr_siga.models.utils.feature_hooks import recorded
from tests.helpers.mmocr_models import RECOGNIZERS, batch, build_small, small_config
from tests.helpers.words import tiny_model


def watch(model, size, *paths):
    """A training step's view, with the calls of further modules."""
    inputs, samples = batch(size)
    hooks = feature_hooks_of(model)
    run = ForwardPass(model, hooks, inputs, samples)
    with recorded(model, [*hooks.paths(True), *paths], run.calls):
        model.loss(inputs, samples)
    return run


def taken(run, path):
    """First arguments of all calls of a module."""
    return [call.args[0] for call in run.calls[path]]


def glimpses(run):
    """The sum of the map weighted by the attention, (N, T, D)."""
    return torch.einsum('nthw,ndhw->ntd', run.attention, run.feature)


def check_rows(run, steps):
    attention = run.attention
    assert attention.shape == (2, steps, *run.feature.shape[-2:])
    torch.testing.assert_close(attention.sum((2, 3)), torch.ones(2, steps))
    assert (attention >= 0).all()


BOTH_WAYS = dict(enc_bi_rnn=True, dec_bi_rnn=True)
BARE = dict(pred_concat=False, mask=False)


# Where the glimpse is in what the prediction takes: after the hidden state, before the holistic
# feature.
@pytest.mark.parametrize('name, options, part', [
    ('sar_parallel', {}, slice(12, 28)), ('sar_sequential', {}, slice(12, 28)),
    ('sar_parallel', BARE, slice(0, 16)), ('sar_sequential', BARE, slice(0, 16)),
    ('sar_parallel', BOTH_WAYS, slice(48, 64))])
def test_sar(name, options, part):
    cfg = small_config(name)
    cfg['decoder'].update(options)
    cfg['encoder'].update(enc_bi_rnn=options.get('enc_bi_rnn', False))
    model = MODELS.build(cfg).train()
    run = watch(model, (48, 80), 'decoder.prediction')
    check_rows(run, 30)
    fed = taken(run, 'decoder.prediction')
    fed = fed[0][:, 1:] if len(fed) == 1 else torch.stack(fed, 1)
    torch.testing.assert_close(fed[..., part], glimpses(run))
    # The second word fills half of its columns.
    assert (run.attention[0] > 0).all()
    assert (run.attention[1, :, :, 10:] == 0).all() == options.get('mask', True)
    alone = torch.zeros_like(fed)
    alone[..., part] = fed[..., part]
    torch.testing.assert_close(run.classify(fed[..., part]), model.decoder.prediction(alone))


def robust_logits(decoder, fed):
    """How it would read where both its branches see the same."""
    return decoder.prediction(decoder.glu_layer(decoder.linear_layer(torch.cat([fed, fed], -1))))


@pytest.mark.parametrize('name, steps, path, fed, logits', [
    ('aster', 25, 'decoder.gru',  # after the embedding
     lambda calls: torch.cat([call.args[0] for call in calls], 1)[..., 12:],
     lambda decoder, fed: decoder.fc(fed)),
    ('robust_scanner', 30, 'decoder.linear_layer', lambda calls: calls[0].args[0][..., :16],
     robust_logits),
    ('robust_scanner', 30, 'decoder.hybrid_decoder.attention_layer',
     lambda calls: calls[0].output.transpose(1, 2), robust_logits),
    ('abinet', 26, 'decoder.vision_decoder', lambda calls: calls[0].output['feature'],
     lambda decoder, fed: decoder.vision_decoder.cls(fed))])
def test_the_glimpses_that_others_take(name, steps, path, fed, logits):
    model = build_small(name).train()
    rectified = ['preprocessor'] if name == 'aster' else []
    run = watch(model, RECOGNIZERS[name][2], path, *rectified)
    check_rows(run, steps)
    fed = fed(run.calls[path])
    torch.testing.assert_close(fed, glimpses(run))
    torch.testing.assert_close(run.classify(fed), logits(model.decoder, fed))
    if rectified:
        assert run.rectified and run.gray().shape == (2, 32, 100)
    if name == 'robust_scanner':
        assert (run.attention[1, :, :, 10:] == 0).all()


@pytest.mark.parametrize('name, size, grid', [('nrtr', (32, 80), (2, 10)),
                                              ('satrn', (16, 40), (4, 10))])
def test_transformers(name, size, grid):
    model = build_small(name).train()
    last = 'decoder.layer_stack.1.enc_attn'
    run = watch(model, size, f'{last}.linear_v', f'{last}.fc')
    assert tuple(run.feature.shape[-2:]) == grid
    check_rows(run, model.decoder.max_seq_len)
    values = run.calls[f'{last}.linear_v'][0].output
    torch.testing.assert_close(taken(run, f'{last}.fc')[0],
                               torch.einsum('ntp,npd->ntd', run.attention.flatten(2), values))
    memory = run.calls['decoder'][0].args[1]
    torch.testing.assert_close(run.feature.flatten(2).transpose(1, 2), memory)
    torch.testing.assert_close(run.classify(memory), model.decoder.classifier(memory))


def test_heads_are_averaged_before_dropout():
    cfg = small_config('nrtr')
    cfg['decoder'].update(n_head=2, d_k=8, d_v=8, dropout=0.5)
    run = watch(MODELS.build(cfg).train(), (32, 80))
    heads, = taken(run, 'decoder.layer_stack.-1.enc_attn.attention.dropout')
    assert heads.shape == (2, 2, 30, 20)
    check_rows(run, 30)
    torch.testing.assert_close(run.attention.flatten(2), (heads[:, 0] + heads[:, 1]) / 2)


def test_master():
    model = build_small('master').train()
    layer = 'decoder.decoder_layers.1.attentions.1.attn'
    run = watch(model, (48, 80), layer, 'decoder')
    check_rows(run, 30)
    feat = run.calls['decoder'][0].args[0]
    assert run.feature.shape == feat.shape
    table = model.decoder.feat_positional_encoding.position_table[0, :feat[0, 0].numel()]
    torch.testing.assert_close(run.feature, feat + table.t().reshape(1, 16, *feat.shape[-2:]))
    call, = run.calls[layer]
    query, key = call.kwargs['query'], call.kwargs['key']
    own = model.decoder.decoder_layers[1].attentions[1].attn
    torch.testing.assert_close(run.attention.flatten(2), own(query, key, key)[1])


@pytest.mark.parametrize('kind', ['plain', 'siga'])
def test_own_attention_decoders(kind):
    cfg = tiny_model(kind, glyph_head=None)
    if kind == 'plain':
        cfg['encoder'].update(pyramid=None)
    model = MODELS.build(cfg).train()
    run = watch(model, (32, 128))
    assert tuple(run.feature.shape[-2:]) == (1, 32)
    check_rows(run, 4)  # as many as the longest word has, and the end
    x = torch.randn(2, 5, 8)
    parts = [model.decoder.cell] if kind == 'plain' else model.decoder.branches.values()
    want = sum(part.classifier(x) for part in parts) / len(parts)
    torch.testing.assert_close(run.classify(x), want)


class Toy(nn.Module):
    """A recognizer of one's own: not an encoder-decoder, attention computed step by step."""

    def __init__(self):
        super().__init__()
        self.columns = nn.Conv2d(3, 4, (8, 4), (8, 4))
        self.look = nn.Linear(4, 1)
        self.read = nn.Linear(4, 5)

    def loss(self, inputs, data_samples):
        columns = self.columns(inputs).flatten(2).transpose(1, 2)
        self.read(columns)
        for _ in range(3):
            self.look(columns)


@pytest.mark.parametrize('rows', [1, 2])
def test_hooks_of_scores_step_by_step(rows):
    model = Toy()
    inputs, samples = batch((8 * rows, 24))
    hooks = TASK_UTILS.build(dict(
        type='FeatureHooks', feature=dict(path='read', source='input'), classifier='read',
        attention='look', scores=True, mask_padding=True, skip_steps=1, size_like='columns'))
    run = ForwardPass(model, hooks, inputs, samples)
    with recorded(model, hooks.paths(True), run.calls):
        model.loss(inputs, samples)
    columns = model.columns(inputs)
    torch.testing.assert_close(run.feature, columns)
    scores = model.look(columns.flatten(2).transpose(1, 2))[..., 0].view(2, 1, rows, 6)
    scores[1, :, :, 3:] = float('-inf')
    want = scores.flatten(2).softmax(-1).view(2, 1, rows, 6).expand(-1, 2, -1, -1)
    torch.testing.assert_close(run.attention, want)


def parallel(**changes):
    cfg = tiny_model('parallel', glyph_head=None)
    cfg['decoder'].update(dropout=0.0, **changes)
    return MODELS.build(cfg).train()


def check_pvam(model, name):
    """The attention weighs the map to PVAM's glimpses, and steps of padding look at nothing."""
    run = watch(model, (32, 128), name)
    out = run.calls[name][-1].output
    check_rows(run, out.glimpses.shape[1])
    torch.testing.assert_close(glimpses(run), out.glimpses)
    columns = run.feature.shape[-1]
    assert (run.attention[1, ..., columns // 2:] == 0).all()
    return run


def test_siga_p():
    model = parallel()
    run = check_pvam(model, 'decoder.visual')
    classify = model.decoder.source_classifiers['visual']
    value = torch.randn(2, 3, 8)
    torch.testing.assert_close(run.classify(value), classify(value))
    with pytest.raises(ValueError, match='no visual part'):
        feature_hooks_of(parallel(visual=None))


@pytest.mark.parametrize('layers', [0, 1])
def test_srn(layers):
    cfg = tiny_model('srn', encoder=None)
    cfg['decoder'].update(channels=12)
    cfg['decoder']['pvam'].update(num_layers=layers, dropout=0.0)
    model = MODELS.build(cfg).train()
    run = check_pvam(model, 'decoder.pvam')
    value = torch.randn(2, 3, 12)
    torch.testing.assert_close(run.classify(value), model.decoder.gsrm.classifier(value))
    assert run.feature.shape[2] > 1


def view_of(value, **hooks):
    """A view whose recorded attention is a given tensor."""
    model = nn.Module()
    model.feature, model.attention, model.fc = nn.Identity(), nn.Identity(), nn.Linear(4, 5)
    hooks = TASK_UTILS.build(dict(type='FeatureHooks', feature='feature', classifier='fc',
                                attention='attention', **hooks))
    run = ForwardPass(model, hooks, torch.zeros(2, 3, 8, 8), batch((8, 8))[1])
    with recorded(model, hooks.paths(True), run.calls):
        model.feature(torch.randn(2, 4, 2, 3))
        model.attention(value)
    return run


def test_attention_in_any_shape():
    maps = torch.rand(2, 7, 2, 3)
    heads = torch.rand(2, 4, 7, 6)
    for value, want in [(maps, maps), (maps.flatten(2), maps), (maps[..., None], maps),
                        (heads, heads.mean(1).view(2, 7, 2, 3)), (maps[:, :1], maps[:, :1])]:
        torch.testing.assert_close(view_of(value).attention, want)
    with pytest.raises(ValueError, match=r'\(2, 7, 5\) does not fit a map of 2 x 3'):
        assert view_of(torch.rand(2, 7, 5)).attention


@pytest.mark.parametrize('change, message', [
    (dict(feature='encoder.layers'), "no module 'encoder.layers': ASTEREncoder holds bilstm"),
    (dict(classifier='decoder.cls'), "no module 'decoder.cls': .* holds"),
    (dict(feature=dict(path='encoder', source='outputs')), "'output' or 'input'"),
    (dict(feature=dict(path='encoder', index=3)), 'is no tensor'),
    (dict(feature='decoder'), 'takes 16 channels and the map .* has 93'),
    (dict(feature='decoder.embedding'), r'must be .* but is \(2, 12\)'),
    (dict(size_like='backbone.stem_layers'), '25 positions and the .* is 32 x 100'),
])
def test_a_hook_that_points_nowhere_is_named(change, message):
    hooks = dict(dict(type='FeatureHooks', feature='encoder', classifier='decoder.fc'), **change)
    with pytest.raises(ValueError, match=message):
        model = MODELS.build(small_config('aster', type='PluggedRecognizer', hooks=hooks,
                                        plugins=dict(sec=dict(type='SECLoss')))).train()
        model.loss(*batch((64, 128)))


def test_calls_of_other_threads_are_not_recorded():
    net, calls = nn.Sequential(nn.Identity()), {}
    with recorded(net, ['0'], calls):
        net(torch.zeros(1))
        other = Thread(target=net, args=(torch.ones(1), ))
        other.start()
        other.join()
    assert [call.output.item() for call in calls['0']] == [0]

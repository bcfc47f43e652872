"""What the taps see is what the recognisers do: the attention makes their glimpses of the map."""
import pytest
import torch
from mmengine.structures import LabelData
from mmocr.registry import MODELS, TASK_UTILS
from torch import nn
from torch.nn import functional as F

from mmocr_siga.models.plugins import ForwardPass, feature_hooks_of
from mmocr_siga.models.utils.feature_hooks import recorded
from tests.helpers.mmocr_models import batch, build_small, small_config
from tests.helpers.words import DICTIONARY, tiny_model


def watch(model, size, *paths):
    """A training step's view, with the calls of further modules."""
    inputs, samples = batch(size)
    hooks = feature_hooks_of(model)
    host = ForwardPass(model, hooks, inputs, samples)
    with recorded(model, [*hooks.paths(True), *paths], host.calls):
        model.loss(inputs, samples)
    return host


def taken(host, path):
    """First arguments of all calls of a module."""
    return [call.args[0] for call in host.calls[path]]


def glimpses(host):
    """The sum of the map weighted by the attention, (N, T, D)."""
    return torch.einsum('nthw,ndhw->ntd', host.attention, host.feature)


def check_rows(host, steps):
    attention = host.attention
    assert attention.shape == (2, steps, *host.feature.shape[-2:])
    torch.testing.assert_close(attention.sum((2, 3)), torch.ones(2, steps))
    assert (attention >= 0).all()


def test_parallel_sar():
    model = build_small('sar_parallel').train()
    host = watch(model, (48, 80), 'decoder.prediction')
    check_rows(host, 30)
    fed, = taken(host, 'decoder.prediction')  # hidden state 12, glimpse 16, holistic feature 12
    torch.testing.assert_close(fed[:, 1:, 12:28], glimpses(host))
    # The second word fills half of its columns.
    assert (host.attention[1, :, :, 10:] == 0).all() and (host.attention[0] > 0).all()
    alone = torch.cat([torch.zeros(1, 12), torch.randn(1, 16), torch.zeros(1, 12)], 1)
    torch.testing.assert_close(host.classify(alone[:, None, 12:28])[:, 0],
                               model.decoder.prediction(alone))


def test_sequential_sar():
    model = build_small('sar_sequential').train()
    host = watch(model, (48, 80), 'decoder.prediction')
    check_rows(host, 30)
    fed = torch.stack(taken(host, 'decoder.prediction'), 1)
    torch.testing.assert_close(fed[:, :, 12:28], glimpses(host))
    assert (host.attention[1, :, :, 10:] == 0).all()
    weight = model.decoder.prediction.weight[:, 12:28]
    torch.testing.assert_close(host.classify(fed[:, :, 12:28]), F.linear(
        fed[:, :, 12:28], weight, model.decoder.prediction.bias))


@pytest.mark.parametrize('name', ['sar_parallel', 'sar_sequential'])
def test_sar_without_concatenation_and_mask(name):
    cfg = small_config(name)
    cfg['decoder'].update(pred_concat=False, mask=False)
    model = MODELS.build(cfg).train()
    host = watch(model, (48, 80), 'decoder.prediction')
    fed = taken(host, 'decoder.prediction')
    fed = fed[0][:, 1:] if len(fed) == 1 else torch.stack(fed, 1)
    torch.testing.assert_close(fed, glimpses(host))
    assert (host.attention > 0).all()
    torch.testing.assert_close(host.classify(fed), model.decoder.prediction(fed))


def test_bidirectional_sar():
    cfg = small_config('sar_parallel')
    cfg['encoder'].update(enc_bi_rnn=True)
    cfg['decoder'].update(enc_bi_rnn=True, dec_bi_rnn=True)
    model = MODELS.build(cfg).train()
    host = watch(model, (48, 80), 'decoder.prediction')
    fed, = taken(host, 'decoder.prediction')  # hidden state 48, glimpse 16, holistic feature 24
    assert fed.shape[-1] == 88
    torch.testing.assert_close(fed[:, 1:, 48:64], glimpses(host))
    alone = torch.cat([torch.zeros(1, 48), torch.randn(1, 16), torch.zeros(1, 24)], 1)
    torch.testing.assert_close(host.classify(alone[:, None, 48:64])[:, 0],
                               model.decoder.prediction(alone))


def test_aster():
    model = build_small('aster').train()
    host = watch(model, (64, 128), 'decoder.gru', 'preprocessor')
    check_rows(host, 25)
    fed = torch.cat(taken(host, 'decoder.gru'), 1)[..., 12:]  # behind the embedding
    torch.testing.assert_close(fed, glimpses(host))
    torch.testing.assert_close(host.classify(fed), model.decoder.fc(fed))
    assert host.rectified and host.gray().shape == (2, 32, 100)


@pytest.mark.parametrize('name, size, grid', [('nrtr', (32, 80), (2, 10)),
                                              ('satrn', (16, 40), (4, 10))])
def test_transformers(name, size, grid):
    model = build_small(name).train()
    last = 'decoder.layer_stack.1.enc_attn'
    host = watch(model, size, f'{last}.linear_v', f'{last}.fc')
    assert tuple(host.feature.shape[-2:]) == grid
    check_rows(host, model.decoder.max_seq_len)
    values = host.calls[f'{last}.linear_v'][0].output
    torch.testing.assert_close(taken(host, f'{last}.fc')[0],
                               torch.einsum('ntp,npd->ntd', host.attention.flatten(2), values))
    memory = host.calls['decoder'][0].args[1]
    torch.testing.assert_close(host.feature.flatten(2).transpose(1, 2), memory)
    torch.testing.assert_close(host.classify(memory), model.decoder.classifier(memory))


def test_the_attention_of_transformers_is_the_mean_of_the_heads_before_dropout():
    cfg = small_config('nrtr')
    cfg['decoder'].update(n_head=2, d_k=8, d_v=8, dropout=0.5)
    model = MODELS.build(cfg).train()
    host = watch(model, (32, 80), 'decoder.layer_stack.1.enc_attn.attention.dropout')
    heads, = taken(host, 'decoder.layer_stack.1.enc_attn.attention.dropout')
    assert heads.shape == (2, 2, 30, 20)
    check_rows(host, 30)
    torch.testing.assert_close(host.attention.flatten(2), (heads[:, 0] + heads[:, 1]) / 2)


def test_master():
    model = build_small('master').train()
    layer = 'decoder.decoder_layers.1.attentions.1.attn'
    host = watch(model, (48, 80), layer, 'decoder')
    check_rows(host, 30)
    feat = host.calls['decoder'][0].args[0]
    assert host.feature.shape == feat.shape
    table = model.decoder.feat_positional_encoding.position_table[0, :feat[0, 0].numel()]
    torch.testing.assert_close(host.feature, feat + table.t().reshape(1, 16, *feat.shape[-2:]))
    call, = host.calls[layer]
    query, key = call.kwargs['query'], call.kwargs['key']
    own = model.decoder.decoder_layers[1].attentions[1].attn
    weight, bias = own.in_proj_weight, own.in_proj_bias
    q = F.linear(query, weight[:16], bias[:16]).unflatten(2, (2, 8))
    k = F.linear(key, weight[16:32], bias[16:32]).unflatten(2, (2, 8))
    heads = (torch.einsum('tnhd,pnhd->nhtp', q, k) / 8 ** 0.5).softmax(-1)
    torch.testing.assert_close(host.attention.flatten(2), heads.mean(1))


def test_robust_scanner():
    model = build_small('robust_scanner').train()
    layer = 'decoder.hybrid_decoder.attention_layer'
    host = watch(model, (48, 80), layer, 'decoder.linear_layer')
    check_rows(host, 30)
    torch.testing.assert_close(host.calls[layer][0].output.transpose(1, 2), glimpses(host))
    assert (host.attention[1, :, :, 10:] == 0).all()
    fed, = taken(host, 'decoder.linear_layer')
    torch.testing.assert_close(fed[..., :16], glimpses(host))
    # Where both branches see the same, that is how the recogniser would read it.
    same = torch.cat([fed[..., :16], fed[..., :16]], -1)
    decoder = model.decoder
    torch.testing.assert_close(host.classify(fed[..., :16]), decoder.prediction(
        decoder.glu_layer(decoder.linear_layer(same))))


def test_abinet():
    model = build_small('abinet').train()
    host = watch(model, (32, 128), 'decoder.vision_decoder')
    check_rows(host, 26)
    vision = host.calls['decoder.vision_decoder'][0].output
    torch.testing.assert_close(vision['feature'], glimpses(host))
    torch.testing.assert_close(vision['logits'], host.classify(glimpses(host)))


def own_decoder():
    cfg = tiny_model(glyph_head=None)
    cfg['encoder'].update(pyramid=None)
    cfg['decoder'] = dict(
        type='ImplicitAttentionDecoder', dictionary=cfg['decoder']['dictionary'], in_channels=8,
        hidden_size=8, max_seq_len=7)
    return cfg


def test_own_attention_decoder():
    model = MODELS.build(own_decoder()).train()
    host = watch(model, (32, 128))
    assert tuple(host.feature.shape[-2:]) == (1, 32)
    check_rows(host, 4)  # as many as the longest word has, and the end
    _, steps = host.calls['decoder.cell'][0].output
    torch.testing.assert_close(steps.glimpse, glimpses(host))
    torch.testing.assert_close(host.classify(steps.glimpse),
                               model.decoder.cell.classifier(steps.glimpse))


def test_siga():
    model = MODELS.build(tiny_model(glyph_head=None)).train()
    host = watch(model, (32, 128))
    check_rows(host, 4)
    x = torch.randn(2, 5, 8)
    branches = model.decoder.branches
    torch.testing.assert_close(
        host.classify(x), (branches.fine.classifier(x) + branches.coarse.classifier(x)) / 2)


class Toy(nn.Module):
    """A recogniser of one's own: not an encoder-decoder, attention computed step by step."""

    def __init__(self, scores):
        super().__init__()
        self.columns = nn.Conv2d(3, 4, (8, 4), (8, 4))
        self.look = nn.Linear(4, 3 if scores is None else 1)
        self.read = nn.Linear(4, 5)
        self.scores = scores

    def loss(self, inputs, data_samples):
        columns = self.columns(inputs).flatten(2).transpose(1, 2)
        self.read(columns)
        if self.scores is None:
            self.look(columns).transpose(1, 2)
        else:
            for _ in range(3):
                self.look(columns)
        return {}


@pytest.mark.parametrize('rows', [1, 2])
def test_module_tap_of_scores_step_by_step(rows):
    model = Toy(scores=True)
    inputs, samples = batch((8 * rows, 24))
    hooks = TASK_UTILS.build(dict(
        type='FeatureHooks', feature=dict(path='read', source='input'), classifier='read',
        attention='look', scores=True, mask_padding=True, skip_steps=1, size_like='columns'))
    host = ForwardPass(model, hooks, inputs, samples)
    with recorded(model, hooks.paths(True), host.calls):
        model.loss(inputs, samples)
    columns = model.columns(inputs)
    torch.testing.assert_close(host.feature, columns)
    scores = model.look(columns.flatten(2).transpose(1, 2))[..., 0].view(2, 1, rows, 6)
    scores[1, :, :, 3:] = float('-inf')
    want = scores.flatten(2).softmax(-1).view(2, 1, rows, 6).expand(-1, 2, -1, -1)
    torch.testing.assert_close(host.attention, want)


def parallel(**changes):
    decoder = dict(type='SIGAParallelDecoder', dictionary=dict(DICTIONARY), in_channels=8,
                   output_size=12, max_seq_len=7, dropout=0.0)
    model = tiny_model()
    return MODELS.build(dict(model, glyph_head=None, decoder={**decoder, **changes})).train()


def srn(layers):
    model = dict(tiny_model(), glyph_head=None, encoder=None)
    model['decoder'] = dict(
        type='SRNDecoder', dictionary=dict(DICTIONARY), in_channels=8, channels=12, max_seq_len=7,
        pvam=dict(num_layers=layers, num_heads=2, inner_channels=8, dropout=0.0),
        gsrm=dict(num_layers=1, num_heads=2, inner_channels=8))
    return MODELS.build(model).train()


def check_pvam(model, name):
    """The attention weighs the map to PVAM's glimpses, and steps of padding look at nothing."""
    host = watch(model, (32, 128), name)
    out = host.calls[name][-1].output
    check_rows(host, out.glimpses.shape[1])
    torch.testing.assert_close(glimpses(host), out.glimpses)
    columns = host.feature.shape[-1]
    assert (host.attention[1, ..., columns // 2:] == 0).all()
    return host


def test_siga_p():
    model = parallel()
    host = check_pvam(model, 'decoder.visual')
    classify = model.decoder.source_classifiers['visual']
    value = torch.randn(2, 3, 8)
    torch.testing.assert_close(host.classify(value), classify(value))
    with pytest.raises(ValueError, match='no visual part'):
        feature_hooks_of(parallel(visual=None))


@pytest.mark.parametrize('layers', [0, 1])
def test_srn(layers):
    model = srn(layers)
    host = check_pvam(model, 'decoder.pvam')
    value = torch.randn(2, 3, 12)
    torch.testing.assert_close(host.classify(value), model.decoder.gsrm.classifier(value))
    assert host.feature.shape[2] > 1


def view_of(value, **hooks):
    """A view whose recorded attention is a given tensor."""
    model = nn.Module()
    model.feature, model.attention, model.fc = nn.Identity(), nn.Identity(), nn.Linear(4, 5)
    hooks = TASK_UTILS.build(dict(type='FeatureHooks', feature='feature', classifier='fc',
                                attention='attention', **hooks))
    host = ForwardPass(model, hooks, torch.zeros(2, 3, 8, 8), batch((8, 8))[1])
    with recorded(model, hooks.paths(True), host.calls):
        model.feature(torch.randn(2, 4, 2, 3))
        model.attention(value)
    return host


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
def test_a_tap_that_points_nowhere_is_named(change, message):
    hooks = dict(dict(type='FeatureHooks', feature='encoder', classifier='decoder.fc'), **change)
    with pytest.raises(ValueError, match=message):
        model = MODELS.build(small_config('aster', type='PluggedRecognizer', hooks=hooks,
                                        plugins=dict(sec=dict(type='SECLoss')))).train()
        model.loss(*batch((64, 128)))


def test_sizes_that_differ_are_named():
    cfg = small_config('aster', type='PluggedRecognizer', plugins=dict(sec=dict(type='SECLoss')))
    cfg['decoder'].update(hidden_size=20)
    with pytest.raises(ValueError, match='takes 20 channels and the map .* has 16'):
        MODELS.build(cfg).train().loss(*batch((64, 128)))


def test_an_unknown_recogniser_is_told_what_to_do():
    class Foreign(nn.Module):
        decoder = LabelData()

    with pytest.raises(ValueError, match="decoder LabelData; known are .*hooks=dict"):
        feature_hooks_of(Foreign())


def test_special_classes_are_all_of_the_dictionary():
    host = watch(build_small('sar_parallel').train(), (48, 80))
    dictionary = host.dictionary
    assert host.special_classes == (90, 91, 92) == tuple(sorted(
        {dictionary.start_idx, dictionary.end_idx, dictionary.padding_idx,
         dictionary.unknown_idx}))

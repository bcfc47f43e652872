"""Parts of ODM and the whole: what a prompt may look like, what counts, and what goes on."""
import copy

import numpy as np
import pytest
import torch
from mmengine.runner import save_checkpoint
from mmocr.registry import MODELS
from torch import nn

from mmocr_siga.compat.weights import WeightsMismatchError
from mmocr_siga.engine.hooks import WarmStartHook
from mmocr_siga.evaluation.prompt_obedience_metric import drawing_sums, obedience
from mmocr_siga.models.layers.text_image_decoder import grid_sinusoids
from tests.helpers.odm import BACKBONE, NECK, PREPROCESSOR, batch, packed, results_of, tiny_odm
from tests.helpers.spotters import rec_head, rectangle, tiny_spotter

WORDS = [(rectangle(4, 4, 44, 24), 'abc'), (rectangle(50, 10, 90, 28), 'Over'),
         (rectangle(10, 36, 80, 60), 'low')]


def built(**options):
    torch.manual_seed(0)
    model = MODELS.build(tiny_odm(**options))
    model.init_weights()
    return model


@pytest.fixture(scope='module')
def model():
    return built(loss_glyph=dict(type='GlyphPerceptualLoss', network=dict(
        type='GlyphUNet', channels=(4, 8)))).eval()


def test_sinusoids_by_hand():
    grid = grid_sinusoids(3, 2, 8).reshape(3, 2, 8)
    y, x = 2.0, 1.0
    rates = [1.0, 10_000 ** -.5]
    wanted = [f(side * r) for side in (y, x) for r in rates for f in (np.sin, np.cos)]
    np.testing.assert_allclose(grid[2, 1], wanted, atol=1e-6)


def test_tokens_and_words_read_alone(model):
    encoder = model.text_encoder
    tokens = encoder.tokens([['0a', 'x' * 30], [], ['é9']])
    # 0 is padding, characters from 1 on, the end 95; long words end in the 25th slot.
    assert tokens.shape == (3, 2, 25)
    assert tokens[0, 0, :4].tolist() == [1, 11, 95, 0] and tokens[0, 1, 24] == 95
    assert not tokens[1].any() and tokens[2, 0, :3].tolist() == [10, 95, 0]
    vectors, present = encoder(tokens)
    assert present.tolist() == [[True, True], [False, False], [True, False]]
    assert vectors.isfinite().all()
    # Padding in words and in prompts changes nothing.
    alone, _ = encoder(encoder.tokens([['0a']]))
    torch.testing.assert_close(alone[0, 0], vectors[0, 0], rtol=1e-5, atol=1e-6)
    # The mean over characters and end, by hand.
    seen = []
    handle = encoder.norm.register_forward_hook(lambda module, inputs, out: seen.append(out))
    encoder(encoder.tokens([['0a', 'longer']]))
    handle.remove()
    torch.testing.assert_close(encoder.project(seen[0][0, :3].mean(0)), alone[0, 0], rtol=1e-5,
                               atol=1e-6)


@torch.no_grad()
def test_order_and_padding_of_words_change_nothing_and_the_words_do(model):
    pictures = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    drawn = model.draw(pictures, [['abc', 'Over'], ['low']])[0]
    other = model.draw(pictures, [['Over', 'abc'], ['low']])[0]
    torch.testing.assert_close(other, drawn, rtol=1e-4, atol=1e-5)
    alone = model.draw(pictures[1:], [['low']])[0]
    torch.testing.assert_close(alone[0], drawn[1], rtol=1e-4, atol=1e-5)
    assert (model.draw(pictures[:1], [['abc']])[0] - drawn[:1]).abs().max() > 1e-5
    nothing = model.draw(pictures, [[], []])[0]
    assert nothing.isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize('size', [(32, 32), (64, 160), (96, 32)])
@pytest.mark.parametrize('neck', [False, True])
def test_any_multiple_of_32(size, neck, model):
    model = built(neck=True, loss_glyph=None).eval() if neck else model
    assert model(torch.zeros(1, 3, *size)).shape == (1, 1, *size)


def losses(model, results, seed=0, **prompt):
    np.random.seed(seed)
    return model(**batch(model, [packed(each, **prompt) for each in results]), mode='loss')


def test_losses_and_what_is_logged(model):
    scenes = [results_of(WORDS), results_of(WORDS[:1])]
    found = losses(model, scenes)
    assert {'loss_ink', 'loss_glyph', 'loss_contrast'} == {n for n in found if 'loss' in n}
    assert all(value.isfinite() for value in found.values())
    assert (found['prompt_words'], found['prompt_decoys'], found['glyph_regions']) == (2, 0, 4)
    assert 0 < found['ink_share'] < .5
    # L3 is that of the means of the words, decoys left out, by its weight of one half.
    data = batch(model, [packed(each) for each in scenes])
    with torch.no_grad():
        _, picture, words, _ = model.draw(data['inputs'], [['abc', 'Over', 'low'], ['abc']])
    text = torch.stack([words[0].mean(0), words[1, 0]])
    image, text = (nn.functional.normalize(t, dim=1) for t in (picture, text))
    scores = image @ text.T / .07
    own = torch.arange(2)
    wanted = nn.functional.cross_entropy(scores, own) + nn.functional.cross_entropy(scores.T, own)
    assert float(found['loss_contrast']) == pytest.approx(float(wanted) / 2, rel=1e-4)


def test_decoys_take_no_part_in_the_contrast(model):
    scenes = [results_of(WORDS), results_of(WORDS[1:])]
    with_decoys = losses(model, scenes, prob=1.0, drop=None, noise=(.5, .5))
    assert with_decoys['prompt_decoys'] > 0
    assert float(with_decoys['loss_contrast']) == pytest.approx(
        float(losses(model, scenes)['loss_contrast']), rel=1e-4)


def test_without_words_and_alone(model):
    found = losses(model, [results_of([])])
    assert all(value.isfinite() for value in found.values())
    assert found['loss_contrast'] == found['loss_glyph'] == 0 < found['loss_ink']


def test_ignored_regions_and_padding_change_no_loss(model):
    """What is drawn there is not looked at: another label gives the same losses."""
    model = copy.deepcopy(model)
    model.draw = lambda inputs, prompts: (fixed, torch.zeros(1, 32), torch.zeros(1, 3, 32),
                                          torch.ones(1, 3, dtype=torch.bool))
    data = batch(model, [packed(results_of(WORDS, size=(60, 90), ignored=[True, False, False]))])
    fixed = torch.randn(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    before = model(**data, mode='loss')
    fixed = fixed.clone()
    fixed[0, 0, 4:24, 4:44] = 9  # the ignored word
    fixed[0, 0, 60:], fixed[0, 0, :, 90:] = 9, -9  # padding
    after = model(**data, mode='loss')
    for name in ('loss_ink', 'loss_glyph'):
        assert float(after[name]) == pytest.approx(float(before[name]), rel=1e-6)
    fixed = fixed.clone()
    fixed[0, 0, 30:34] = 9
    assert model(**data, mode='loss')['loss_ink'] > before['loss_ink'] * 1.1


def test_half_precision_and_gradients_everywhere():
    model = built(loss_glyph=dict(type='GlyphPerceptualLoss')).train()
    scenes = [packed(results_of(WORDS)), packed(results_of(WORDS[:2]))]
    with torch.autocast('cpu', torch.bfloat16):
        found = model(**batch(model, scenes), mode='loss')
    total = sum(value for name, value in found.items() if 'loss' in name)
    assert total.dtype == torch.float32 and total.isfinite()
    total.backward()
    without = [name for name, p in model.named_parameters()
               if p.requires_grad and (p.grad is None or not p.grad.isfinite().all())]
    assert not without


def test_errors(model):
    with pytest.raises(ValueError, match='fusion'):
        MODELS.build(tiny_odm(neck=True, fusion='level'))
    with pytest.raises(ValueError, match='mode'):
        model(torch.zeros(1, 3, 32, 32), mode='predicted')
    data = batch(model, [packed(results_of(WORDS))])
    del data['data_samples'][0].prompt
    with pytest.raises(ValueError, match='TextPrompt'):
        model(**data, mode='loss')


def detector(kind):
    head = dict(type='DBHead', in_channels=16)
    if kind == 'spotter':
        return tiny_spotter(rec_head(), backbone=BACKBONE, neck=NECK, det_head=head)
    if kind == 'dbnet':
        return dict(type='DBNet', backbone=BACKBONE, neck=NECK, det_head=head,
                    data_preprocessor=PREPROCESSOR)
    if kind == 'psenet':
        return dict(type='PSENet', backbone=BACKBONE, data_preprocessor=PREPROCESSOR,
                    neck=dict(type='FPNF', in_channels=[8, 16, 32, 64], out_channels=256),
                    det_head=dict(type='PSEHead', in_channels=[256], hidden_dim=8, out_channel=7,
                                  module_loss=dict(type='PSEModuleLoss'),
                                  postprocessor=dict(type='PSEPostprocessor')))
    return dict(type='FCENet', backbone=dict(BACKBONE, out_indices=(1, 2, 3)),
                data_preprocessor=PREPROCESSOR,
                neck=dict(type='mmdet.FPN', in_channels=[16, 32, 64], out_channels=16, num_outs=3),
                det_head=dict(type='FCEHead', in_channels=16, fourier_degree=5,
                              module_loss=dict(type='FCEModuleLoss', num_sample=50),
                              postprocessor=dict(
                                  type='FCEPostprocessor', text_repr_type='quad',
                                  num_reconstr_points=50, scales=(8, 16, 32))))


class Runner:
    """As much of one as the hook looks at."""

    def __init__(self, model):
        self.model, self.logger = model, self

    def info(self, message):
        self.said = message


@pytest.fixture(scope='module')
def learned(tmp_path_factory):
    path = tmp_path_factory.mktemp('odm') / 'odm.pth'
    model = built(neck=True, loss_glyph=None)
    with torch.no_grad():
        for value in model.state_dict().values():
            value += 1 if value.is_floating_point() else 7
    save_checkpoint(dict(state_dict=model.state_dict()), str(path))
    return path, model.state_dict()


@pytest.mark.parametrize('kind', ['dbnet', 'spotter', 'psenet', 'fcenet'])
def test_hand_over(kind, learned):
    path, weights = learned
    torch.manual_seed(3)
    model = MODELS.build(detector(kind))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    parts = {'backbone.': 'backbone.'}
    if kind in ('dbnet', 'spotter'):
        parts['neck.'] = 'neck.'
    WarmStartHook(str(path), parts).before_train(Runner(model))
    taken = 0
    for name, value in model.state_dict().items():
        whole = name.startswith(tuple(parts))
        torch.testing.assert_close(value, weights[name] if whole else before[name], rtol=0, atol=0)
        taken += whole
    assert taken > 100


def test_another_width_is_refused_by_name(learned):
    model = MODELS.build(dict(detector('dbnet'), backbone=dict(BACKBONE, base_channels=4),
                              neck=dict(NECK, in_channels=[4, 8, 16, 32])))
    with pytest.raises(WeightsMismatchError, match='backbone.layer1.0.conv1.weight'):
        WarmStartHook(str(learned[0]), {'backbone.': 'backbone.'}).before_train(Runner(model))


def test_it_learns_to_draw_what_is_asked_for():
    """A scene of two words, one of which is sometimes left out."""
    model = built(loss_glyph=None, loss_contrast=None).train()
    picture = np.full((64, 96, 3), 200, np.uint8)
    words = [(rectangle(6, 4, 90, 28), 'ab'), (rectangle(6, 36, 90, 60), 'XY')]
    from mmocr_siga.rendering.plain import draw_plain_words, plain_face
    picture[draw_plain_words((64, 96), words, plain_face())[0] > 127] = (60, 20, 90)
    samples = [packed(results_of(words, picture=picture))]
    for i in (0, 1):
        np.random.seed(i)
        results = results_of(words, picture=picture)
        sample = packed(results, prob=1.0, drop=(.5, .5), noise=None)
        while sample['data_samples'].prompt.texts != [words[i][1]]:
            sample = packed(results_of(words, picture=picture), prob=1.0, drop=(.5, .5), noise=None)
        samples.append(sample)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        loss = model(**batch(model, samples), mode='loss')['loss_ink']
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        # As trained: three pictures say too little for running statistics.
        out = model(**batch(model, samples), mode='predict')
    found = [obedience(drawing_sums(s.pred_plain.ink, s.gt_plain.seg, s.gt_plain.dropped))
             for s in out]
    assert found[0]['ink_iou'] > .8
    assert all(figures['obedience'] > .5 for figures in found[1:])

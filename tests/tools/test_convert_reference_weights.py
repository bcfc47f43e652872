import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

from tests.conftest import REPO
from tests.helpers import siga_r_reference as reference
from tools import convert_reference_weights as tool

CONFIG = REPO / 'projects' / 'siga' / 'configs' / 'siga_r.py'
OURS = '0123456789abcdefghijklmnopqrstuvwxyz'
# Our class i is the reference's ORDER[i]; the last is the end.
ORDER = [reference.CHARACTERS.index(c) + 1 for c in OURS] + [0]


@pytest.fixture(scope='module')
def state():
    return reference.random_state()


@pytest.fixture(scope='module')
def light():
    return reference.light_state()


@pytest.fixture(scope='module')
def source(state, tmp_path_factory):
    path = tmp_path_factory.mktemp('reference') / 'in.pth'
    torch.save({'net': {f'module.{key}': value for key, value in state.items()}}, path)
    return path


@pytest.fixture(scope='module')
def target(source):
    path = source.parent / 'out.pth'
    assert tool.main([str(source), str(path)]) == 0
    return path


def built(glyph_head=True):
    cfg = Config.fromfile(CONFIG)
    if not glyph_head:
        cfg.model.glyph_head = None
    return MODELS.build(cfg.model).eval()


@pytest.fixture(scope='module')
def model(target):
    model = built(glyph_head=False)
    model.load_state_dict(torch.load(target, weights_only=True)['state_dict'])
    return model


@pytest.fixture(scope='module')
def words():
    images = torch.rand(3, 3, 32, 128, generator=torch.Generator().manual_seed(1))
    images = torch.nn.functional.avg_pool2d(4 * images - 2, 5, 1, 2)  # smooth, as pictures are
    return images * torch.tensor([1., 4., -3.]).reshape(3, 1, 1, 1)


@pytest.fixture(scope='module')
def expected(state, words):
    with torch.no_grad():
        return reference.read(state, words)


def close(got, want):
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4 * max(1, float(want.std())))


@torch.no_grad()
def test_every_layer_and_what_is_read(model, words, expected):
    assert (expected['images'] - words).abs().mean() > 0.05  # the test can see a wrong warp
    close(model.rectify(words)[0], expected['images'])
    feat = model.extract_feat(words)
    encoding = model.encoder(feat)
    logits = model.decoder.decode(encoding, stop_early=False).logits['word']
    for got, name in zip(feat, ('level0', 'level1', 'level2')):
        close(got, expected[name])
    close(encoding.sequence, expected['columns'])
    close(encoding.context, expected['context'])
    for scale in ('fine', 'coarse'):
        close(encoding.glyph_maps[scale], expected['maps'][scale])
        close(encoding.glyph_features[scale], expected['glyphs'][scale])
    close(logits, expected['logits'][..., ORDER])
    assert expected['logits'].std() > 0.1  # and they differ from step to step and word to word
    assert (expected['logits'][0] - expected['logits'][1]).abs().max() > 0.01
    got = [s.pred_text.item for s in model.predict(words, [TextRecogDataSample() for _ in words])]
    assert got == expected['texts']
    assert len(set(got)) == 3 and 0 < min(map(len, got)) < 26  # one word ends


def test_every_key_is_used_or_named(state, source, target):
    converted = torch.load(target, weights_only=True)['state_dict']
    full = built()
    full.load_state_dict(converted)  # strictly, training head and all
    dropped = tool.VARIANTS['siga_r'].dropped
    folded = tool.VARIANTS['siga_r'].folded
    assert set(dropped) <= {k for k, (_, role) in reference.reference_keys().items()
                            if role == 'train'}
    assert len(converted) == len(full.state_dict()) == len(state) - len(dropped) - len(folded)


def test_weights_of_the_training_head(state, target):
    """Places that reading does not test."""
    converted = torch.load(target, weights_only=True)['state_dict']
    for ours, theirs in (
            ('aligner.context.1.rnn.weight_hh_l0_reverse',
             'model_one.SequenceModeling.1.rnn.weight_hh_l0_reverse'),
            ('aligner.decoder.score.weight', 'model_one.Prediction.attention_cell.score.weight'),
            ('plain_decoder.key.weight', 'model_two.Prediction.attention_cell.i2h.weight'),
            ('glyph_readers.fine.rnn.weight_ih_l0', 'model_two.FC_Prediction_1.rnn.weight_ih'),
            ('segmentation.classifier.bias', 'model_two.Attention_Cls.seg_cls.bias')):
        assert torch.equal(converted[f'glyph_head.{ours}'], state[theirs])
    assert torch.equal(converted['glyph_head.plain_decoder.embedding.weight'],
                       state['model_two.Prediction.char_embeddings.weight'][ORDER + [37]])
    torch.testing.assert_close(
        converted['glyph_head.segmentation.up.1.running_mean'],
        state['model_two.Attention_Cls.unpool3.1.running_mean']
        - state['model_two.Attention_Cls.unpool3.0.bias'])


def test_without_the_training_branches_and_with_constants(tmp_path):
    state = reference.light_state(roles=('eval', ))
    grid = 'model_one.Transformation.GridGenerator'
    state.update({f'{grid}.inv_delta_C': torch.rand(23, 23), f'{grid}.P_hat': torch.rand(4096, 23)})
    torch.save({'net': state}, tmp_path / 'in.pth')
    converted = tool.convert_file(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert not any(key.startswith('glyph_head') for key in converted)
    # 1 - 1: a bias in front of a normalization went into its mean.
    assert not converted['encoder.fusion.coarse.0.1.running_mean'].any()
    built(glyph_head=False).load_state_dict(converted)


def refused(weights, tmp_path, capsys, *arguments):
    torch.save(weights, tmp_path / 'in.pth')
    out = tmp_path / 'out.pth'
    assert tool.main([str(tmp_path / 'in.pth'), str(out), *arguments]) == 1
    assert not out.exists()
    return capsys.readouterr().err


def test_another_variant_is_named(light, tmp_path, capsys):
    vit = {'model_one.FeatureExtraction.ConvNet.blocks.0.attn.qkv.weight': torch.rand(6, 2),
           'model_two.Fusion.W.weight': torch.rand(256, 512)}
    message = refused({'net': vit}, tmp_path, capsys)
    assert 'blocks.0.attn.qkv.weight' in message and 'SIGA_T' in message
    assert 'model_one.Transformation.LocalizationNetwork.conv.0.weight' in message  # is missing
    less = {key: value for key, value in light.items() if 'layer7' not in key}
    message = refused({'net': less}, tmp_path, capsys)
    assert 'ConvNet.layer7.0.conv1.weight' in message and 'siga_r' in message


def test_another_dictionary_is_named(light, tmp_path, capsys):
    more = dict(light)
    for key in light:
        if key.endswith(('.generator.weight', '.generator.bias', 'char_embeddings.weight')):
            more[key] = torch.rand(len(light[key]) + 58, *light[key].shape[1:])
    message = refused({'net': more}, tmp_path, capsys)
    assert '95 classes' in message and '--characters' in message
    assert 'english_digits_symbols_94.txt' in message
    upper = reference.CHARACTERS.upper()
    message = refused({'net': light}, tmp_path, capsys, '--characters', upper)
    assert 'ABC' in message and '--config' in message


@pytest.mark.parametrize('key, shape, message', [
    ('model_two.pw.weight', (512, 128), 'is (512, 128) and should be (512, 256)'),
    ('model_two.downsampler.bias', (3, ), 'is (3,)'),
    ('model_two.Attention_Cls.conv1.bias', (3, ), 'is (3,)')])
def test_wrong_shapes_are_named(light, tmp_path, capsys, key, shape, message):
    wrong = dict(light, **{key: torch.rand(shape)})
    assert f'{key} {message}' in refused({'net': wrong}, tmp_path, capsys)


def test_wrong_files_are_named(light, tmp_path, capsys):
    assert "'net'" in refused({'epoch': 3}, tmp_path, capsys)
    assert 'use it as it is' in refused({'state_dict': light}, tmp_path, capsys)
    assert tool.main([str(tmp_path / 'missing.pth'), str(tmp_path / 'out.pth')]) == 1
    assert 'missing.pth' in capsys.readouterr().err


class Surprise:

    def __reduce__(self):
        return print, ('run by the checkpoint', )


def test_code_in_a_checkpoint_is_not_run(tmp_path, capsys):
    assert 'print' in refused({'net': {'a': Surprise()}}, tmp_path, capsys)
    assert 'run by the checkpoint' not in capsys.readouterr().out

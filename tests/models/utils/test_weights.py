import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.utils.weights import WeightsMismatchError, load_weights, weights_of
from tests.helpers.words import tiny_model_of


def with_dictionary(name, **changes):
    return MODELS.build(tiny_model_of(name, **changes))


@pytest.fixture(scope='module')
def model():
    # Each test begins with the same seed; its models shall differ from this one.
    torch.manual_seed(7)
    return with_dictionary('36')


def save(path, model):
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


def same(one, other):
    """Whether all weights that the first has are the other's."""
    state = other.state_dict()
    return all(torch.equal(value, state[key]) for key, value in one.state_dict().items())


@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_weights_are_loaded(model, tmp_path, prefix):
    """Of a checkpoint, and of the bare state dict of a parallel model."""
    state = {prefix + key: value for key, value in model.state_dict().items()}
    torch.save(state if prefix else dict(state_dict=state), tmp_path / 'a.pth')
    other = with_dictionary('36')
    assert not same(other, model)
    load_weights(other, str(tmp_path / 'a.pth'))
    assert same(other, model)


def test_the_training_head_may_be_missing_or_too_much(model, tmp_path):
    headless = with_dictionary('36', glyph_head=None)
    load_weights(headless, save(tmp_path / 'a.pth', model))
    load_weights(with_dictionary('36'), save(tmp_path / 'b.pth', headless))
    assert same(headless, model)


@pytest.mark.parametrize('theirs, characters, advice', [
    ('94', 94, r"SIGA_DICT=94, or dict_file='94' \(english_digits_symbols_94.txt\)"),
    ('62', 62, 'SIGA_DICT=62'),
    ('own', 11, 'the dictionary of 11 characters'),
])
def test_another_dictionary_is_named(model, tmp_path, theirs, characters, advice):
    path = tmp_path / 'own.txt'
    path.write_text('\n'.join('0123456789-'))
    other = with_dictionary(str(path) if theirs == 'own' else theirs)
    with pytest.raises(WeightsMismatchError) as error:
        load_weights(model, save(tmp_path / 'a.pth', other))
    text = str(error.value)
    assert f'of a dictionary of {characters} characters, the config is of 36' in text
    assert f'({characters + 1}, ' in text and '(37, ' in text
    assert error.match(advice)


def test_another_model_is_named(model, tmp_path):
    headless = with_dictionary('36', glyph_head=None)
    weights = {name.replace('decoder.', 'reader.'): value
               for name, value in headless.state_dict().items()}
    torch.save(dict(state_dict=weights, meta=dict(
        experiment_name='siga_r31_20260101_101112')), tmp_path / 'a.pth')
    with pytest.raises(WeightsMismatchError) as error:
        load_weights(model, tmp_path / 'a.pth')
    text = str(error.value)
    assert 'tensors are not in the weights:\n  decoder.' in text
    assert 'tensors are not in the model:\n  reader.' in text
    assert 'saved by a run of siga_r31.py' in text and '... and' in text
    # Nothing was loaded by half.
    torch.save(weights, tmp_path / 'b.pth')
    with pytest.raises(WeightsMismatchError, match='of another model: use the config'):
        load_weights(model, tmp_path / 'b.pth')


def test_files_without_weights(model, tmp_path):
    with pytest.raises(FileNotFoundError, match='no weights at .*gone.pth'):
        load_weights(model, tmp_path / 'gone.pth')
    (tmp_path / 'text.pth').write_text('weights')
    with pytest.raises(RuntimeError, match='not written by torch.save'):
        load_weights(model, tmp_path / 'text.pth')
    torch.save(dict(net=dict(a=torch.zeros(1)), epoch=3), tmp_path / 'net.pth')
    with pytest.raises(ValueError, match=r"\['net', 'epoch'\].*convert_reference_weights"):
        load_weights(model, tmp_path / 'net.pth')
    with pytest.raises(ValueError, match='x.pth holds no weights but list'):
        weights_of([1], 'x.pth')
    with pytest.raises(ValueError, match='no state_dict'):
        weights_of(dict(state_dict={}), 'x.pth')


def test_parts_alone(model, tmp_path):
    """Of a file with a student inside, the backbone; the rest stays as it was."""
    weights = {f'student.{name}': value for name, value in model.state_dict().items()}
    torch.save(dict(state_dict=weights), tmp_path / 'a.pth')
    torch.save(model.backbone.state_dict(), tmp_path / 'bare.pth')
    for path, theirs in ((tmp_path / 'a.pth', 'student.backbone'), (tmp_path / 'bare.pth', '')):
        other = with_dictionary('36')
        before = {name: value.clone() for name, value in other.state_dict().items()}
        load_weights(other, path, (), {'backbone': theirs})
        for name, value in other.state_dict().items():
            source = model.state_dict() if name.startswith('backbone.') else before
            assert torch.equal(value, source[name]), name
    load_weights(other, tmp_path / 'a.pth', (), {'': 'student'})
    assert same(other, model)


def test_parts_that_are_not_whole(model, tmp_path):
    weights = model.state_dict()
    missing = next(name for name in weights if name.startswith('encoder.'))
    del weights[missing]
    torch.save(weights, tmp_path / 'a.pth')
    load_weights(model, tmp_path / 'a.pth', (), {'backbone': 'backbone'})
    with pytest.raises(WeightsMismatchError, match=f'not in the weights:\n  {missing}'):
        load_weights(model, tmp_path / 'a.pth', (), {'backbone': 'backbone', 'encoder': 'encoder'})
    with pytest.raises(WeightsMismatchError, match='are not in the weights:\n  backbone.'):
        load_weights(model, tmp_path / 'a.pth', (), {'backbone': 'teacher'})
    with pytest.raises(ValueError, match="no part 'backbon': it holds .*backbone, encoder"):
        load_weights(model, tmp_path / 'a.pth', (), {'backbon': 'backbone'})

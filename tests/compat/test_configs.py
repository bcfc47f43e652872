"""Configs and packaged models by name: from the clone, and from an installed wheel away from it."""
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmocr.apis import MMOCRInferencer, TextRecInferencer

from mmocr_siga.cli import main
from mmocr_siga.compat import configs
from mmocr_siga.compat.configs import find_config, read_config
from tests.conftest import REPO
from tests.helpers.readers import word_picture
from tests.helpers.words import sample

WORD = word_picture('Open', (32, 128))
WEIGHTS = REPO / 'mmocr_siga' / 'weights' / 'siga_tiny_words.pth'


@pytest.mark.parametrize('name, path', [
    ('siga_tiny', 'configs/siga_tiny.py'),
    ('siga_r31.py', 'configs/siga_r31.py'),
    ('plugins/sar_glyph', 'configs/plugins/sar_glyph.py'),
    ('sar_glyph.py', 'configs/plugins/sar_glyph.py'),
    ('_base_/dictionary', 'configs/_base_/dictionary.py'),
    ('dbnet_lcnetv4', 'configs/textdet/dbnet_lcnetv4.py'),
    ('siga_s', 'projects/siga/configs/siga_s.py'),
    ('siga_tiny_words', 'mmocr_siga/weights/siga_tiny_words.py')])
def test_names(name, path):
    assert find_config(name) == REPO / path


def test_a_config_is_formatted_once():
    asked = []

    def format_code(text, style_config):
        asked.append(text)
        return text.upper(), style_config

    module = SimpleNamespace(FormatCode=format_code)
    configs.configs_formatted_once(module)
    for text in 'aabab':  # the last one is kept
        assert module.FormatCode(text, style_config=1) == (text.upper(), 1)
    assert asked == list('abab')


def test_no_two_configs_have_a_name():
    """mim looks for a config by the name of its file alone."""
    names = [path.name for folder in ('configs', 'projects')
             for path in (REPO / folder).rglob('*.py') if '_base_' not in path.parts]
    below = {path.name for path in (REPO / 'configs' / '_base_').rglob('*.py')}
    assert len(names) == len(set(names)) and not below & set(names)


def test_bases_and_hub(tmp_path):
    (tmp_path / 'own.py').write_text("_base_ = ['mmocr_siga::siga_r31.py']\nmax_iters = 5\n")
    own, theirs = Config.fromfile(tmp_path / 'own.py'), get_config('mmocr_siga::siga_r31.py')
    assert own.max_iters == 5 and own.model == theirs.model
    assert '_scope_' not in own.model and theirs.model.encoder.type == 'SIGAEncoder'
    packaged = get_config('mmocr_siga::siga_tiny_words', pretrained=True)
    assert packaged.model_path == packaged.load_from == str(WEIGHTS)
    with pytest.raises(FileNotFoundError, match='no weights of siga_r31'):
        get_config('mmocr_siga::siga_r31.py', pretrained=True)
    # Those of others are found as ever.
    assert get_config('mmocr::textrecog/sar/sar_resnet31_parallel-decoder_5e_toy.py').model


@pytest.mark.parametrize('model', ['siga_tiny_words', str(WEIGHTS.with_suffix('.py'))])
def test_inferencers(tmp_path, model):
    read = TextRecInferencer(model, device='cpu')
    weights = torch.load(WEIGHTS, weights_only=True)['state_dict']
    name, value = next((n, v) for n, v in weights.items() if v.dim() == 4)
    assert torch.equal(dict(read.model.named_parameters())[name], value.float())
    with pytest.raises(ValueError, match='Cannot find model: siga_huge in mmocr'):
        TextRecInferencer('siga_huge')
    # With a detector, and with pictures of what was read.
    detector = 'mmocr::textdet/dbnet/dbnet_resnet18_fpnc_1200e_icdar2015.py'
    (tmp_path / 'det.py').write_text(f'_base_ = {detector!r}\n')
    both = MMOCRInferencer(det=str(tmp_path / 'det.py'), rec=model, device='cpu')
    assert both.visualizer.font_families == both.textrec_inferencer.visualizer.font_families
    drawn = MMOCRInferencer(rec=model, device='cpu')(WORD, return_vis=True)
    assert drawn['predictions'][0]['rec_texts'] == ['Open']
    assert (drawn['visualization'][0] != 220).any()


def test_torch_hub():
    model = torch.hub.load(str(REPO), 'siga_tiny_words', source='local')
    assert not model.training
    word, = model.test_step(dict(inputs=[torch.from_numpy(WORD).permute(2, 0, 1)],
                                 data_samples=[sample('')]))
    want, = TextRecInferencer('siga_tiny_words', device='cpu')(WORD)['predictions']
    assert word.pred_text.item == want['text'] == 'Open'
    other = torch.hub.load(str(REPO), 'recognizer', 'siga_tiny_words', weights=str(WEIGHTS),
                           source='local')
    images = torch.randn(2, 3, 32, 128)
    with torch.no_grad():
        probabilities = model(images)
        assert probabilities.shape == (2, 26, 95)
        torch.testing.assert_close(probabilities, other(images))
    with pytest.raises(FileNotFoundError, match='no weights of siga_tiny '):
        torch.hub.load(str(REPO), 'recognizer', 'siga_tiny', pretrained=True, source='local')


@pytest.fixture(scope='module')
def away(tmp_path_factory):
    """Runs Python in an empty folder, with the wheel installed in the place of the clone."""
    source, site, here = (tmp_path_factory.mktemp(name) for name in ('source', 'site', 'away'))
    for name in ('mmocr_siga', 'configs', 'projects', 'tools'):
        shutil.copytree(REPO / name, source / name, ignore=shutil.ignore_patterns('__pycache__'))
    for path in REPO.iterdir():
        if path.is_file():
            shutil.copy(path, source)
    env = dict(os.environ, PYTHONPATH=str(site), SIGA_DATA='nowhere')

    def run(*args, cwd=here):
        return subprocess.run([sys.executable, *args], cwd=cwd, env=env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    # What a wheel holds, without the packages that pip makes one with.
    made = run('setup.py', '-q', 'build', '--build-lib', str(site), 'egg_info', '--egg-base',
               str(site), cwd=source)
    assert made.returncode == 0, made.stdout
    shutil.rmtree(source)
    run.site, run.folder = site / 'mmocr_siga', here
    return run


def test_scripts_away_from_the_clone(away):
    (away.folder / 'own.py').write_text("_base_ = 'mmocr_siga::siga_r31.py'\n")
    got = away('-c', '''
import mmocr_siga
from mmengine.config import Config
from mmengine.hub import get_config
from mmocr.apis import TextRecInferencer
same = Config.fromfile('own.py').model == get_config('mmocr_siga::siga_r31.py').model
backbone = get_config('mmocr_siga::siga_t.py').model.backbone.type
read = TextRecInferencer('siga_tiny_words', device='cpu')
print(same, backbone, type(read.model).__name__, mmocr_siga.__file__)
''')
    assert got.stdout.splitlines()[-1] == (
        f'True SIGAViT GlyphRecognizer {away.site}/__init__.py'), got.stdout


def test_mim_away_from_the_clone(away):
    found = away('-m', 'mim', 'search', 'mmocr_siga', '--config', 'siga_tiny_words')
    assert 'config id: siga_tiny_words' in found.stdout, found.stdout
    found = away('-m', 'mim', 'download', 'mmocr_siga', '--config', 'siga_tiny_words', '--dest',
                 'out')
    assert found.returncode == 0, found.stdout
    loaded = Config.fromfile(away.folder / 'out' / 'siga_tiny_words.py')
    assert Path(loaded.load_from).samefile(away.site / 'weights' / 'siga_tiny_words.pth')
    trained = away('-m', 'mim', 'train', 'mmocr_siga', 'siga_tiny.py')
    assert f'will use {away.site}/.mim/configs/siga_tiny.py instead' in trained.stdout
    assert 'data sets are missing' in trained.stdout, trained.stdout


def test_the_command(capsys):
    assert main(['config', 'siga_tiny']) == 0
    assert capsys.readouterr().out == f'{REPO}/configs/siga_tiny.py\n'
    assert main(['config', 'siga_huge']) == 2
    assert "has no config 'siga_huge'" in capsys.readouterr().err
    for name in ('/siga_tiny', '', 'siga_*_mixed'):
        with pytest.raises(FileNotFoundError, match='has no config'):
            find_config(name)


def test_where_configs_lie(monkeypatch, tmp_path):
    monkeypatch.setattr(configs, 'PACKAGE', tmp_path / 'mmocr_siga')
    assert configs.config_root() == tmp_path
    (tmp_path / 'mmocr_siga' / '.mim').mkdir(parents=True)
    assert configs.config_root() == tmp_path / 'mmocr_siga' / '.mim'


@pytest.mark.parametrize('text, message', [
    ('model = (', r'own.py cannot be read as a config: SyntaxError'),
    ('model = dict(a=1 / 0)', 'own.py cannot be read as a config: ZeroDivisionError'),
    ('lr = 1', 'own.py describes no model')])
def test_configs_that_are_none(tmp_path, text, message):
    (tmp_path / 'own.py').write_text(text)
    with pytest.raises(ValueError, match=message):
        read_config(tmp_path / 'own.py')
    with pytest.raises(FileNotFoundError, match='gone.py'):
        read_config(tmp_path / 'gone.py')

"""Every code block of the README and the docs does what it says: configs load and build, data sets
open, programs run, and command lines name tools and options that are there."""
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmocr.registry import DATASETS, MODELS, VISUALIZERS

from tests.conftest import REPO
from tests.helpers.readers import word_picture
from tests.helpers.word_sets import write_json, write_lmdb, write_tsv

PAGES = sorted([REPO / 'README.md', REPO / 'CONTRIBUTING.md', REPO / 'projects/siga/README.md',
                *(REPO / 'docs').glob('*/*.md')])
CONFIGS = {'siga_tiny.pth': 'siga_tiny.py', 'iter_8500.pth': 'siga_tiny.py',
           'work_dirs/siga_tiny/iter_4500.pth': 'siga_tiny.py',
           'iter_4000.pth': 'spotting/siga_spotter_tiny.py'}
DBNET = 'mmocr::textdet/dbnet/dbnet_resnet18_fpnc_1200e_icdar2015.py'


def blocks(language):
    for page in PAGES:
        name = page.relative_to(REPO).as_posix()
        for i, text in enumerate(re.findall(r'^```(\w*)\n(.*?)^```', page.read_text('utf-8'),
                                            re.MULTILINE | re.DOTALL)):
            if text[0] == language:
                yield pytest.param(text[1], id=f'{name}-{i}')


def commands():
    """Command lines: indented, or in blocks of a shell; without comments and assignments before."""
    for page in PAGES:
        text = page.read_text('utf-8')
        shells = ''.join(re.findall(r'^```(?:bash)?\n(.*?)^```', text, re.MULTILINE | re.DOTALL))
        outside = re.sub(r'^```.*?^```', '', text, flags=re.MULTILINE | re.DOTALL)
        lines = shells + '\n'.join(re.findall(r'^    (.*)$', outside, re.MULTILINE))
        for line in re.sub(r'\\\n\s*', ' ', lines).splitlines():
            found = re.match(r'(?:\$ )?(?:[A-Z_]+=\S+ )*((?:python|mim) .*?)(?:\s{2,}#.*|\s&&.*)?$', line)
            if found:
                yield pytest.param(found[1], id=f'{page.stem}: {found[1][:60]}')


@pytest.fixture(scope='module')
def desk(tmp_path_factory):
    """A folder with everything that the pages read from theirs."""
    desk = tmp_path_factory.mktemp('desk')
    for name in ('configs', 'projects'):
        shutil.copytree(REPO / name, desk / name)
    for name in ('word.png', 'other.png', 'third.jpg', 'photos/a.png', 'more_words/b.jpg'):
        (desk / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(desk / name), word_picture())
    cv2.imwrite(str(desk / 'street.jpg'), cv2.resize(word_picture(), (320, 160)))
    (desk / 'list.txt').write_text('word.png\n')
    (desk / 'words.txt').write_text('one\ntwo\nthree\n')
    words = ['one', 'two', 'three']
    for name in ('data/mine', 'data/mjsynth'):
        (desk / name).mkdir(parents=True)
    for name in ('train', 'val', 'test'):
        write_tsv(desk / f'data/mine/{name}.tsv', words)
    (desk / 'data/mine/train.txt').write_text('a.png one\n')
    (desk / 'data/mine/train.jsonl').write_text('{"filename": "a.png", "text": "one"}\n')
    write_json(desk / 'data/mjsynth/textrecog_train.json', words)
    for name in ('mine_lmdb', 'mjsynth_lmdb'):
        write_lmdb(desk / 'data' / name, words)
    for name in ('images', 'gts', 'strong'):
        (desk / 'data/ic15' / name).mkdir(parents=True)
    for i in range(11):
        cv2.imwrite(str(desk / f'data/ic15/images/img_{i}.jpg'), word_picture())
        (desk / f'data/ic15/gts/gt_img_{i}.txt').write_text('1,1,80,1,80,30,1,30,Abc\n')
    for name in ('weak.txt', 'generic.txt'):
        (desk / 'data/ic15' / name).write_text('abc\n')
    (desk / 'dbnet.py').write_text(f'_base_ = [{DBNET!r}]\n')
    return desk


@pytest.fixture
def here(desk, monkeypatch):
    monkeypatch.chdir(desk)
    monkeypatch.setenv('SIGA_DATA', 'data')
    return desk


@cache
def model_of(config, folder):
    torch.manual_seed(0)
    cfg = Config.fromfile(folder / 'configs' / config if '::' not in config else folder / 'dbnet.py')
    model = MODELS.build(cfg.model).eval()
    model.cfg = cfg
    return model


def write_weights(text, folder):
    """Untrained weights under the names that a block reads."""
    for name, config in {**CONFIGS, 'dbnet.pth': DBNET}.items():
        if f"'{name}'" in text and not (folder / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            torch.save(dict(state_dict=model_of(config, folder).state_dict()), folder / name)


def names_of(text, folder):
    """What blocks take for granted."""
    rng = torch.Generator().manual_seed(0)
    names = dict(image=np.zeros((32, 128, 3), np.uint8), data_sample=None)
    if re.search(r'\bmodel\b', text) and 'import' in text:
        names.update(model=model_of('siga_tiny.py', folder), cfg=model_of('siga_tiny.py', folder).cfg)
    names.update(
        gray=torch.rand(2, 32, 128, generator=rng) * 255, lengths=torch.tensor([3, 5]),
        attention=torch.rand(2, 8, 32, generator=rng).softmax(-1),
        mask_logits=torch.randn(2, 2, 32, 128, generator=rng),
        glyph_logits=torch.randn(2, 9, 16, 64, generator=rng))
    return names


def check_config(text, folder):
    path = folder / 'configs' / 'block.py'
    path.write_text(text)
    cfg = Config.fromfile(path)
    MODELS.build(cfg.model) if 'model' in cfg else None
    if 'visualizer' in cfg:
        VISUALIZERS.build(cfg.visualizer)
    for loader in ('train_dataloader', 'test_dataloader'):
        if f'{loader} =' in text:
            dataset = cfg[loader].dataset
            kind = DATASETS.get(dataset.type)
            assert kind is not None
            assert not set(dataset) - {'type', '_scope_'} - accepted(kind)


def accepted(kind):
    import inspect
    parameters = [p for c in kind.__mro__ if c is not object
                  for p in inspect.signature(c.__init__).parameters]
    return set(parameters)


@pytest.mark.parametrize('text', blocks('python'))
def test_python(text, here):
    if re.search(r'^_base_ = ', text, re.MULTILINE):
        check_config(text, here)
    elif re.match(r"dict\(type='\w+Dataset'", text):
        dataset = DATASETS.build(eval(text))
        assert isinstance(dataset, BaseDataset) and len(dataset)
    else:
        write_weights(text, here)
        if 'siga_tiny.onnx' in text:
            pytest.importorskip('onnxruntime')
            from mmocr_siga.apis import export_onnx
            export_onnx(model_of('siga_tiny.py', here), 'siga_tiny.onnx')
        if 'data_sample' in text:
            pytest.importorskip('tensorboard')
        exec(text, names_of(text, here))


@cache
def help_of(*tool):
    run = subprocess.run([sys.executable, *tool, '--help'], cwd=REPO, capture_output=True, text=True,
                         timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.parametrize('line', commands())
def test_command_lines(line):
    words = shlex.split(line)
    options = {word.split('=')[0] for word in words if re.match(r'--?[a-zA-Z]', word)} - {'-m'}
    if words[0] == 'mim':
        known = {'--amp', '--launcher', '--gpus', '--checkpoint', '--cfg-options', '--show-dir',
                 '--resume', '--work-dir'}
        config = next(word for word in words if word.endswith('.py'))
        assert (REPO / config).is_file() and options <= known
        return
    tool = words[1:4] if words[1] == '-m' else words[1:2]
    if tool == ['tools/dataset_converters/prepare_dataset.py']:
        return  # of MMOCR's repository
    if tool[:2] == ['-m', 'mmocr_siga.inference.onnx_recognizer']:
        tool = tool[:2]
    text = help_of(*tool)
    unknown = {option for option in options if not re.search(rf'{option}\b', text)}
    assert not unknown, f'{tool} has no {unknown}'

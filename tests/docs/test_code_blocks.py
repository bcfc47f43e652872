"""Every code block of the README and the docs does what it says: configs load and build, data sets
open, programs run, and command lines name tools and options that are there."""
import copy
import re
import shlex
import shutil
from functools import cache

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmocr.registry import DATASETS, MODELS, VISUALIZERS

from mmocr_siga.datasets.rendered_dataset import RenderedDataset
from tests.conftest import REPO
from tests.helpers.readers import word_picture
from tests.helpers.word_sets import write_json, write_lmdb, write_tsv

PAGES = sorted([REPO / 'README.md', REPO / 'CONTRIBUTING.md', REPO / 'projects/siga/README.md',
                *(REPO / 'docs').glob('*/*.md')])
CONFIGS = {'siga_tiny.pth': 'siga_tiny.py', 'iter_8500.pth': 'siga_tiny.py',
           'work_dirs/siga_tiny/iter_4500.pth': 'siga_tiny.py',
           'iter_4000.pth': 'spotting/siga_spotter_tiny.py',
           'disentangled.pth': 'disentangled_tiny.py'}
DBNET = 'mmocr::textdet/dbnet/dbnet_resnet18_fpnc_1200e_icdar2015.py'


def blocks(page):
    """The Python of a page, block by block."""
    return re.findall(r'^```python\n(.*?)^```', page.read_text('utf-8'), re.MULTILINE | re.DOTALL)


def commands():
    """Command lines: indented, or in blocks of a shell; without comments and assignments before."""
    for page in PAGES:
        text = page.read_text('utf-8')
        shells = ''.join(re.findall(r'^```(?:bash)?\n(.*?)^```', text, re.MULTILINE | re.DOTALL))
        outside = re.sub(r'^```.*?^```', '', text, flags=re.MULTILINE | re.DOTALL)
        lines = shells + '\n'.join(re.findall(r'^    (.*)$', outside, re.MULTILINE))
        for line in re.sub(r'\\\n\s*', ' ', lines).splitlines():
            found = re.match(r'(?:\$ )?(?:[A-Z_]+=\S+ )*((?:python|mim) .*?)(?:\s{2,}#.*|\s&&.*)?$',
                             line)
            if found:
                yield pytest.param(found[1], id=f'{page.stem}: {found[1][:60]}')


@pytest.fixture(scope='module')
def desk(tmp_path_factory):
    """A folder with everything that the pages read from theirs."""
    desk = tmp_path_factory.mktemp('desk')
    for name in ('configs', 'projects'):
        shutil.copytree(REPO / name, desk / name)
    shutil.copy(REPO / 'hubconf.py', desk)
    for name in ('word.png', 'other.png', 'third.jpg', 'photos/a.png', 'more_words/b.jpg',
                 'a_folder/c.png'):
        (desk / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(desk / name), word_picture())
    cv2.imwrite(str(desk / 'street.jpg'), cv2.resize(word_picture(), (320, 160)))
    (desk / 'list.txt').write_text('word.png\n')
    (desk / 'words.txt').write_text('one\ntwo\nthree\n')
    words = ['one', 'two', 'three']
    union = [f'Union14M-L/train_annos/mmocr1.0.x/train_{part}.json'
             for part in ('easy', 'medium', 'normal', 'hard', 'challenging')]
    databases = ['mjsynth/textrecog_train.json', 'synthtext/textrecog_train.json', *union]
    real = [f'real/{name}_train/train.tsv' for name in ('iiit5k', 'svt', 'ic15', 'ic03')]
    for name in ('mine/train.tsv', 'mine/val.tsv', 'mine/test.tsv', *real):
        write_tsv(desk / 'data' / name, words)
    (desk / 'data/mine/train.txt').write_text('a.png one\n')
    (desk / 'data/mine/train.jsonl').write_text('{"filename": "a.png", "text": "one"}\n')
    for name in databases:
        write_json(desk / 'data' / name, words)
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
    path = 'dbnet.py' if config == DBNET else f'configs/{config}'
    cfg = Config.fromfile(folder / path)
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
    if 'siga_tiny.onnx' in text:
        pytest.importorskip('onnxruntime')
    if 'data_sample' in text:
        pytest.importorskip('tensorboard')
    rng = torch.Generator().manual_seed(0)
    names = dict(image=np.zeros((32, 128, 3), np.uint8), data_sample=None)
    if re.search(r'\bmodel\b', text) and 'import' in text:
        model = copy.deepcopy(model_of('siga_tiny.py', folder))  # blocks change it
        names.update(model=model, cfg=model.cfg)
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
            DATASETS.build(dict(dataset, lazy_init=True) if dataset.type != 'RenderedWordDataset'
                           else dataset)


@pytest.mark.parametrize('page', filter(blocks, PAGES), ids=lambda page: page.stem)
def test_python(page, here):
    names = {}
    for text in blocks(page):
        if re.search(r'^_base_ = ', text, re.MULTILINE):
            check_config(text, here)
        elif re.match(r"dict\(type='\w+Dataset'", text):
            dataset = DATASETS.build(eval(text))
            assert isinstance(dataset, (BaseDataset, RenderedDataset)) and len(dataset)
        else:
            write_weights(text, here)
            names = {**names_of(text, here), **names}
            exec(text, names)


def test_files_that_pages_name_are_there():
    there = {path.name for folder in ('configs', 'projects', 'tools', 'tests', 'mmocr_siga')
             for path in (REPO / folder).rglob('*.py')}
    named = {name for page in PAGES
             for name in re.findall(r'`(?:[\w/]+/)?(\w+\.py)`', page.read_text('utf-8'))}
    # One is of MMOCR's repository, one the reader's own.
    assert len(named) > 20 and named - there == {'prepare_dataset.py', 'dbnet.py'}


@cache
def options_of(tool):
    """Options that a tool, or a module of the command line, and what it shares define."""
    path = REPO / tool
    shared = [*path.parent.glob('*common.py'), REPO / 'mmocr_siga/datasets/formats/conversion.py']
    text = ''.join(p.read_text('utf-8') for p in (path, *shared) if p.is_file())
    return set(re.findall(r"['\"](--?[a-zA-Z][\w-]*)['\"]", text))


@pytest.mark.parametrize('line', commands())
def test_command_lines(line):
    words = shlex.split(line)
    options = {word.split('=')[0] for word in words if re.match(r'--?[a-zA-Z]', word)} - {'-m'}
    if words[0] == 'mim' and 'mmocr_siga' in words:
        return  # run in tests/compat/test_configs.py
    if words[0] == 'mim':
        known = {'--amp', '--launcher', '--gpus', '--checkpoint', '--cfg-options', '--show-dir',
                 '--resume', '--work-dir'}
        config = next(word for word in words if word.endswith('.py'))
        assert any((REPO / folder / config).is_file() for folder in ('.', 'configs'))
        assert options <= known
        return
    tool = words[1]
    if tool == '-m':
        name = words[2].replace('.', '/')
        tool = f'{name}/cli/{words[3]}.py' if words[2] == 'mmocr_siga' else f'{name}.py'
    if tool == 'tools/dataset_converters/prepare_dataset.py':
        return  # of MMOCR's repository
    assert options <= options_of(tool)

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from mmocr.registry import DATASETS
from word_sets import word_image, write_lmdb, write_tsv

from mmocr_siga.datasets.word_files import words_config

PATH = Path(__file__).parents[2] / 'tools' / 'data' / 'convert_words.py'
LABELS = ['One', 'two words', "it's", 'no', 'caf\u00e9', '123']


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('convert_words', PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules['convert_words'] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules['convert_words']


def content(path):
    """Labels, and grey levels of the images."""
    load = dict(type='LoadImageFromFile', backend_args=dict(backend='nonempty'))
    dataset = DATASETS.build(dict(words_config(str(path)), pipeline=[load],
                                  serialize_data=False))
    return [(r['instances'][0]['text'], int(r['img'][0, 0, 0]) // 10 - 1)
            for r in (dataset[i] for i in range(len(dataset)))]


def test_there_and_back(tool, tmp_path, capsys):
    source = write_tsv(tmp_path / 'a.tsv', LABELS)
    wanted = [(label, i) for i, label in enumerate(LABELS)]
    assert tool.main([str(source), str(tmp_path / 'db' / 'A')]) == 0
    assert content(tmp_path / 'db' / 'A') == wanted
    target = tmp_path / 'json' / 'words.json'
    assert tool.main([str(tmp_path / 'db' / 'A'), str(target)]) == 0
    assert content(target) == wanted
    # Not encoded anew.
    assert (tmp_path / 'json' / 'words' / '000000002.png').read_bytes() == word_image(1)
    assert json.loads(target.read_text())['metainfo'] == dict(
        dataset_type='TextRecogDataset', task_name='textrecog')
    assert '6 words' in capsys.readouterr().out


def test_choosing_words_as_the_smaller_benchmark_sets_do(tool, tmp_path, capsys):
    source = str(write_lmdb(tmp_path / 'a', LABELS))
    assert tool.main([source, str(tmp_path / 'b.json'), '--alphanumeric']) == 0
    assert content(tmp_path / 'b.json') == [('One', 0), ('no', 3), ('123', 5)]
    assert tool.main([source, str(tmp_path / 'c'), '--alphanumeric', '--min-length', '3']) == 0
    assert content(tmp_path / 'c') == [('One', 0), ('123', 5)]
    out = capsys.readouterr().out
    assert '3 left out, which hold other characters' in out
    assert '1 left out, which are shorter than 3 characters' in out


def test_what_cannot_be_converted(tool, tmp_path, capsys):
    source = str(write_lmdb(tmp_path / 'a', ['--']))
    for target in (tmp_path / 'b.json', tmp_path / 'b'):
        assert tool.main([source, str(target)]) == 0
        assert tool.main([source, str(target)]) == 2
        assert 'already' in capsys.readouterr().err
    assert tool.main([source, str(tmp_path / 'c'), '--alphanumeric']) == 2
    assert 'no word of' in capsys.readouterr().err and not (tmp_path / 'c').exists()
    assert tool.main([str(tmp_path / 'gone.tsv'), str(tmp_path / 'c')]) == 2
    assert 'gone.tsv' in capsys.readouterr().err

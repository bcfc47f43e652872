"""tools/eval_benchmarks.py over made-up sets, and over real words where these are at hand."""
import json

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmocr.registry import MODELS

from mmocr_siga.apis import WordInferencer
from tests.helpers.ending import ended
from tests.helpers.readers import reader_files, word_pictures, write_pictures
from tests.helpers.word_sets import PIPELINE, write_json, write_lmdb, write_tsv
from tests.helpers.words import tiny_model
from tools import eval_benchmarks as tool

ANSWERS = ['one', 'TWO', "thr'ee", 'four', 'five', 'x']
DICTIONARY = dict(type='WordDictionary', dict_file='94', with_end=True, with_unknown=True,
                  unknown_token=None)


@pytest.fixture(autouse=True)
def environment(monkeypatch, tmp_path):
    """The tool sets these; they must not outlive a test."""
    for name, value in (('SIGA_DATA', tmp_path / 'data'), ('SIGA_BENCHMARK_FORM', 'json')):
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def scripted(tmp_path):
    """Config and weights of a model of 94 characters that answers from a list."""
    cfg = Config(dict(
        model=dict(type='ScriptedRecognizer', answers=ANSWERS, dictionary=DICTIONARY),
        test_dataloader=dict(dataset=dict(type='ConcatDataset', datasets=[], pipeline=PIPELINE))))
    cfg.dump(tmp_path / 'scripted.py')
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), tmp_path / 'scripted.pth')
    return ['scripted.py', 'scripted.pth']


def results(tmp_path, name='scripted-scripted'):
    return json.loads((tmp_path / 'work_dirs' / 'eval' / name / 'results.json').read_text())


def test_a_model_of_94_characters_under_every_protocol(scripted, tmp_path, capsys):
    for name, words, begin in (('svt', ['One'], 0), ('cute80', ['TWO', 'THREE', 'For'], 1)):
        write_json(tmp_path / 'd' / name / 'textrecog_test.json', words, begin)
    options = [*scripted, '--data-root', 'd', '--form', 'json', '--sets', 'SVT', 'cute80']
    for protocol, right in (('36', [1, 2]), ('62', [0, 1]), ('94', [0, 1])):
        assert tool.main([*options, '--protocol', protocol, '--batch-size', '2']) == 0
        data = results(tmp_path)
        assert [s['name'] for s in data['sets']] == ['SVT', 'CUTE80']
        assert [s['words'] for s in data['sets']] == [1, 3]
        assert [s['right'] for s in data['sets']] == right
        assert data['protocol']['name'] == protocol and data['skipped'] == {}
    out = capsys.readouterr().out
    rows = [[cell.strip() for cell in line.split('|')] for line in out.splitlines()]
    assert ['', 'weighted average', '4', '3', '75.0'] in [row[:5] for row in rows]
    assert ['', 'unweighted average', '', '', '83.3'] in [row[:5] for row in rows]
    assert 'Protocol 36: letter case and symbols ignored' in out


def test_what_is_there(scripted, tmp_path, capsys):
    write_json(tmp_path / 'data' / 'svt' / 'textrecog_test.json', ['one'])
    assert ended(tool.main, scripted) == 2
    error = capsys.readouterr().err
    assert '5 sets are not there' in error and 'data/iiit5k/textrecog_test.json' in error
    assert '--available' in error
    assert tool.main([*scripted, '--available']) == 0
    out = capsys.readouterr().out
    assert 'Not there and skipped, 9 of 10 sets' in out and 'MPSC: ' in out
    data = results(tmp_path)
    assert [s['name'] for s in data['sets']] == ['SVT'] and len(data['skipped']) == 9
    assert ended(tool.main, [*scripted, '--available', '--sets', 'MPSC', 'mine=gone.tsv']) == 2
    error = capsys.readouterr().err
    assert 'none of the sets is there' in error and "no words at 'gone.tsv'" in error


def test_own_sets_predictions_and_wrong_words(scripted, tmp_path, capsys):
    write_tsv(tmp_path / 'a.tsv', ['One', 'two', 'three', 'fuor'])
    write_lmdb(tmp_path / 'b', ['five', 'a\tb'], first=4)
    assert tool.main([*scripted, '--sets', 'mine=a.tsv', './b', '--predictions', 'p/read.tsv',
                      '--wrong', 'p/wrong.png', '--out', 'p']) == 0
    rows = [line.split('\t') for line in (tmp_path / 'p' / 'read.tsv').read_text().splitlines()]
    assert rows[0] == ['set', 'image', 'label', 'reading', 'right', 'score', 'one_minus_ned']
    assert [row[2:5] for row in rows[1:]] == [
        ['One', 'one', '1'], ['two', 'TWO', '1'], ['three', "thr'ee", '1'], ['fuor', 'four', '0'],
        ['five', 'five', '1'], ['a\\tb', 'x', '0']
    ]
    assert rows[4] == ['mine', './a_images/3.png', 'fuor', 'four', '0', '0.5000', '0.5000']
    assert rows[6][1] == './b:image-000000002'
    sets = json.loads((tmp_path / 'p' / 'results.json').read_text())['sets']
    assert [s['name'] for s in sets] == ['mine', f'{tmp_path.name}/b']
    sheet = cv2.imread(str(tmp_path / 'p' / 'wrong.png'))
    levels, counts = np.unique(sheet[..., 0], return_counts=True)
    # The fourth and the sixth image, and paper.
    assert levels[counts > 5000].tolist() == [40, 60, 255]
    out = capsys.readouterr().out
    assert '2 wrong words: p/wrong.png' in out
    assert '# Word accuracy in %, protocol 36' in (tmp_path / 'p' / 'results.md').read_text()


def test_it_counts_as_a_test_run_does(tmp_path):
    """A network with random weights, read by the tool and by MMOCR's test loop."""
    pipeline = [PIPELINE[0], dict(type='Resize', scale=(128, 32)), *PIPELINE[1:]]
    cfg = Config(dict(model=tiny_model(), test_pipeline=pipeline))
    cfg.dump(tmp_path / 'c.py')  # building changes it
    torch.save(MODELS.build(cfg.model).state_dict(), tmp_path / 'w.pth')
    write_json(tmp_path / 'first.json', ['?'] * 8)
    command = ['c.py', 'w.pth', '--out', '.', '--predictions', 'p.tsv', '--sets']
    assert tool.main([*command, 'a=first.json']) == 0
    read = [line.split('\t')[3] for line in (tmp_path / 'p.tsv').read_text().splitlines()[1:]]
    # As read, in the other case, with symbols added, and something else.
    write_json(tmp_path / 'a.json', [(text, text.swapcase(), f'"{text}-', text + 'zz')[i % 4]
                                     for i, text in enumerate(read)])
    assert tool.main([*command, 'a=a.json']) == 0
    ours = json.loads((tmp_path / 'results.json').read_text())['sets'][0]
    assert (ours['words'], ours['right']) == (8, 6)
    theirs = Runner(
        model=cfg.model, work_dir='work', default_scope='mmocr', log_level='ERROR',
        load_from='w.pth', experiment_name=tmp_path.name, test_cfg=dict(type='TestLoop'),
        test_dataloader=dict(
            batch_size=5, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type='OCRDataset', data_root='.', ann_file='a.json', pipeline=pipeline,
                         test_mode=True)),
        test_evaluator=[dict(type='WordMetric'), dict(type='OneMinusNEDMetric')]).test()
    assert ours['word_accuracy'] == theirs['recog/word_acc_ignore_case_symbol'] == 0.75
    assert ours['one_minus_ned'] == pytest.approx(theirs['recog/1-N.E.D'], abs=5.1e-5)


def test_mmocrs_own_configs(tmp_path):
    name = 'mmocr::textrecog/crnn/crnn_mini-vgg_5e_mj.py'
    cfg = tool.load_config(name)
    torch.save(MODELS.build(cfg.model).state_dict(), tmp_path / 'crnn.pth')
    write_lmdb(tmp_path / 'data' / 'evaluation' / 'SVT', ['a', 'b', 'c'])
    write_json(tmp_path / 'a.json', ['a', 'b', 'c'])
    assert tool.main([name, 'crnn.pth', '--form', 'lmdb', '--sets', 'SVT', 'a=a.json',
                      '--limit', '2']) == 0
    data = results(tmp_path, 'crnn_mini-vgg_5e_mj-crnn')
    assert [s['words'] for s in data['sets']] == [2, 2]
    # The same images from a database and from files.
    assert data['sets'][0]['one_minus_ned'] == data['sets'][1]['one_minus_ned']
    assert 'only the first 2 words' in data['limit']


@pytest.mark.parametrize('options, message', [
    (['gone.py', 'scripted.pth'], "no config at 'gone.py'"),
    (['scripted.py', 'gone.pth'], "no weights at 'gone.pth'"),
    (['nopipe.py', 'scripted.pth'], 'nopipe.py has no test pipeline'),
    (['nomodel.py', 'scripted.pth'], 'nomodel.py describes no model'),
    (['syntax.py', 'scripted.pth'], 'syntax.py'),
    (['badmodel.py', 'scripted.pth'], "cannot be built: 'NoSuchModel"),
    (['small.py', 'scripted.pth'], 'of a dictionary of 94 characters, the config is of 36'),
    (['scripted.py', 'text.pth'], 'not written by torch.save'),
    (['scripted.py', 'scripted.pth', '--sets', 'IIIT6K'], "unknown set 'IIIT6K': expected one of"),
    (['scripted.py', 'scripted.pth', '--sets', 'a=text.csv'], 'text.csv'),
    (['scripted.py', 'scripted.pth', '--sets', 'a=bad.json'], 'the set a cannot be read'),
    (['scripted.py', 'scripted.pth', '--sets', 'a=a.tsv', 'a=a.tsv'], 'asked for twice'),
    (['scripted.py', 'scripted.pth', '--sets', 'a=holes.tsv'], 'holes_images/0.png'),
    (['scripted.py', 'scripted.pth', '--real-words', 'nowhere'], 'nowhere/real/'),
    (['scripted.py', 'scripted.pth', '--sets', 'a=a.tsv', '--device', 'cuda'], 'no CUDA device'),
])
def test_what_cannot_be_used_is_named(scripted, tmp_path, capsys, options, message):
    if 'cuda' in options and torch.cuda.is_available():
        pytest.skip('there is a CUDA device')
    model = (tmp_path / 'scripted.py').read_text()
    (tmp_path / 'nopipe.py').write_text(model.split('test_dataloader')[0])
    (tmp_path / 'nomodel.py').write_text('test_pipeline = []\n')
    (tmp_path / 'syntax.py').write_text('model = dict(\n')
    (tmp_path / 'badmodel.py').write_text(model.replace('ScriptedRecognizer', 'NoSuchModel'))
    (tmp_path / 'small.py').write_text(model.replace("dict_file='94'", "dict_file='36'"))
    for name in ('text.pth', 'text.csv'):
        (tmp_path / name).write_text('text')
    (tmp_path / 'bad.json').write_text('{"words": []}')
    write_tsv(tmp_path / 'a.tsv', ['one'])
    write_tsv(tmp_path / 'holes.tsv', ['one'])
    (tmp_path / 'holes_images' / '0.png').unlink()
    assert ended(tool.main, options if options[2:] else [*options, '--sets', 'a=a.tsv']) == 2
    error = capsys.readouterr().err
    assert error.startswith('eval_benchmarks: ') and message in error


def test_real_words(scripted, siga_data):
    sets, _ = tool.chosen_sets(tool.parse_args([*scripted, '--real-words', str(siga_data)]))
    assert list(sets) == ['IIIT5K val', 'SVT val', 'IC15 val', 'IC03 val', 'plates val']
    sizes = [len(tool.build_dataset(name, config, PIPELINE)) for name, config in sets.items()]
    assert sizes == [120, 40, 80, 40, 20]


@pytest.mark.parametrize('dataset', [
    dict(pipeline=PIPELINE),  # as a packaged config has it
    dict(type='AvailableDatasets', datasets=dict(a=dict(type='X', pipeline=PIPELINE)))])
def test_the_pipeline_is_found(dataset):
    cfg = Config(dict(test_dataloader=dict(dataset=dataset)))
    assert tool.test_pipeline(cfg)[0]['type'] == 'LoadImageFromFile'


def test_test_time_augmentation(tmp_path):
    """Words are read as WordInferencer reads them, from their files."""
    config, weights = (str(path) for path in reader_files(tmp_path))
    write_pictures(tmp_path, 5)
    (tmp_path / 'test.tsv').write_text(''.join(f'{i}.png\tword{i}\n' for i in range(5)))
    assert tool.main([config, weights, '--sets', 'mine=test.tsv', '--tta', '1', '--batch-size', '2',
                      '--device', 'cpu', '--predictions', 'read.tsv']) == 0
    want = WordInferencer(config, weights, 'cpu', tta=1)(word_pictures(5))
    assert any(word.view is not None for word in want)
    lines = (tmp_path / 'read.tsv').read_text(encoding='utf-8').splitlines()[1:]
    assert [line.split('\t')[3] for line in lines] == [word.text for word in want]
    assert results(tmp_path, 'reader-reader')['tta'] == 1

import json

import pytest
from mmocr.registry import DATASETS, MODELS

from mmocr_siga.datasets.formats.word_files import words_config
from mmocr_siga.evaluation import BenchmarkReport, Reading, SetResult, read_words
from tests.helpers.word_sets import PIPELINE, write_lmdb, write_tsv

LOADER = dict(PIPELINE[0], backend_args=dict(backend='nonempty'))
LABELS = ['One', 'two', "thr'ee", 'four', '--']
ANSWERS = ['one', 'TWO', 'threx', 'four', 'five']


@pytest.fixture
def model():
    return MODELS.build(dict(type='ScriptedRecognizer', answers=ANSWERS, dictionary=dict(
        type='WordDictionary', dict_file='94'))).eval()


def dataset(path):
    return DATASETS.build(dict(words_config(str(path)), pipeline=[LOADER, *PIPELINE[1:]]))


def test_every_word_is_read_and_counted(model, tmp_path):
    seen = []
    result = read_words(model, dataset(write_lmdb(tmp_path / 'db', LABELS)), 'made up',
                        batch_size=2, warm_up=True, progress=lambda *n: seen.append(n))
    assert seen == [(2, 5), (4, 5), (5, 5)]
    assert [r.label for r in result.readings] == LABELS
    assert [r.text for r in result.readings] == ANSWERS
    assert [r.right for r in result.readings] == [True, True, False, True, False]
    assert [r.image for r in result.readings] == [
        f'{tmp_path}/db:image-{i:09d}' for i in range(1, 6)]
    assert (result.words, result.right, result.word_accuracy) == (5, 3, 0.6)
    # The third lacks one of five characters, the label of the last holds none.
    assert result.one_minus_ned == pytest.approx((1 + 1 + 4 / 5 + 1 + 0) / 5)
    assert result.symbols_only == 1 and result.readings[0].score == 0.5
    assert result.seconds > 0
    assert result.images_per_second == pytest.approx(5 / result.seconds)


@pytest.mark.parametrize('protocol, right', [('36', 3), ('62', 1), ('94', 1)])
def test_protocols(model, tmp_path, protocol, right):
    words = dataset(write_tsv(tmp_path / 'a.tsv', LABELS))
    assert read_words(model, words, 'a', protocol).right == right


def test_a_set_that_cannot_be_counted(model, tmp_path):
    words = dataset(write_tsv(tmp_path / 'a.tsv', LABELS))
    words.data_list = []
    model.answers = ['x']
    empty = words.get_subset(0)
    with pytest.raises(ValueError, match='made up holds no words'):
        read_words(model, empty, 'made up')
    (tmp_path / 'a_images' / '0.png').unlink()
    with pytest.raises(FileNotFoundError, match='0.png'):
        read_words(model, words, 'a')


def report():
    def readings(*pairs):
        return [Reading('i', 'l', 't', None, bool(right), ned) for right, ned in pairs]
    big = SetResult('big', 2.0, readings((1, 1), (1, 1), (0, .5), (1, .9)))
    small = SetResult('small', 0.5, readings((0, 0.25)), symbols_only=1)
    return BenchmarkReport([big, small], '36', {'gone': 'data/gone.json'},
                           dict(config='c.py', batch_size=8, device='cpu'))


def test_averages_by_hand():
    averages = report().averages()
    assert averages['weighted']['word_accuracy'] == pytest.approx(3 / 5)
    assert averages['unweighted']['word_accuracy'] == pytest.approx((0.75 + 0) / 2)
    assert averages['weighted']['one_minus_ned'] == pytest.approx(3.65 / 5)
    assert averages['unweighted']['one_minus_ned'] == pytest.approx((0.85 + 0.25) / 2)


def test_the_table():
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in report().table().splitlines()]
    assert rows[0] == ['set', 'words', 'right', 'word accuracy', '1 - NED', 'images/s']
    assert rows[2:] == [
        ['big', '4', '3', '75.0', '85.0', '2.0'],
        ['small', '1', '0', '0.0', '25.0', '2.0'],
        ['weighted average', '5', '3', '60.0', '73.0', '2.0'],
        ['unweighted average', '', '', '37.5', '55.0', ''],
    ]
    assert len({len(line) for line in report().table().splitlines()}) == 1


def test_what_is_written_explains_itself():
    text, data = report().markdown(), json.loads(json.dumps(report().to_dict()))
    for part in ('protocol 36', 'letter case and symbols ignored', 'batches of 8 on cpu',
                 'Not there and skipped, 1 of 3 sets: gone (data/gone.json)', 'config: c.py',
                 '1 labels hold nothing'):
        assert part in text
    assert data['protocol']['name'] == '36' and data['skipped'] == {'gone': 'data/gone.json'}
    assert data['sets'][0] == dict(name='big', words=4, right=3, word_accuracy=0.75,
                                   one_minus_ned=pytest.approx(0.85), images_per_second=2.0,
                                   labels_of_symbols_only=0)
    assert data['words'] == 5 and data['averages']['weighted']['word_accuracy'] == 0.6

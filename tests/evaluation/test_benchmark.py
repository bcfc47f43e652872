import json

import pytest
from mmocr.registry import DATASETS, MODELS

from mmocr_siga.datasets.formats.records import words_config
from mmocr_siga.evaluation import BenchmarkReport, Prediction, SetResult, read_sets
from tests.helpers.word_sets import PIPELINE, write_lmdb, write_tsv

LOADER = dict(PIPELINE[0], backend_args=dict(backend='nonempty'))
LABELS = ['One', 'two', "thr'ee", 'four', '--']
ANSWERS = ['one', 'TWO', 'threx', 'four', 'five', 'zz']


@pytest.fixture
def model():
    return MODELS.build(dict(type='ScriptedRecognizer', answers=ANSWERS, dictionary=dict(
        type='WordDictionary', dict_file='94'))).eval()


def dataset(path):
    return DATASETS.build(dict(words_config(str(path)), pipeline=[LOADER, *PIPELINE[1:]]))


def test_every_word_is_read_and_counted(model, tmp_path):
    sets = dict(first=dataset(write_lmdb(tmp_path / 'db', LABELS)),
                second=dataset(write_tsv(tmp_path / 'a.tsv', ['zz'], first=5)))
    result, other = read_sets(model, sets, batch_size=2)
    assert [p.label for p in result.predictions] == LABELS
    assert [p.text for p in result.predictions] == ANSWERS[:5]
    assert [p.image for p in result.predictions] == [
        f'{tmp_path}/db:image-{i:09d}' for i in range(1, 6)]
    assert (result.words, result.word_accuracy) == (5, 0.6)
    # The third lacks one of five characters, the label of the last holds none.
    assert result.one_minus_ned == pytest.approx((1 + 1 + 4 / 5 + 1 + 0) / 5)
    assert result.predictions[0].score == 0.5 and result.seconds > 0
    assert (other.name, other.words, other.word_accuracy) == ('second', 1, 1)
    report = BenchmarkReport([result, other])
    assert report.right(result) == [True, True, False, True, False]
    assert '1 labels hold nothing' in report.markdown()


def test_another_protocol_and_sets_that_cannot_be_counted(model, tmp_path):
    words = dataset(write_tsv(tmp_path / 'a.tsv', LABELS))
    assert read_sets(model, dict(a=words), '94')[0].word_accuracy == 1 / 5
    with pytest.raises(ValueError, match='made up holds no words'):
        read_sets(model, {'made up': words.get_subset(0)})
    (tmp_path / 'a_images' / '0.png').unlink()
    with pytest.raises(FileNotFoundError, match='0.png'):
        read_sets(model, dict(a=words))


def test_what_is_written_by_hand():
    def predictions(*pairs):
        return [Prediction('i', label, text, None) for label, text in pairs]
    big = SetResult('big', predictions(*[('a', 'a')] * 3, ('b', 'c')), 2.0, 0.75, 0.85)
    small = SetResult('small', predictions(('--', 'x')), 0.5, 0.0, 0.25)
    report = BenchmarkReport([big, small], '36', {'gone': 'data/gone.json'},
                             dict(config='c.py', batch_size=8, device='cpu'))
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in report.table().splitlines()]
    assert rows[0] == ['set', 'words', 'right', 'word accuracy', '1 - NED', 'images/s']
    assert rows[2:] == [
        ['big', '4', '3', '75.0', '85.0', '2.0'],
        ['small', '1', '0', '0.0', '25.0', '2.0'],
        ['weighted average', '5', '3', '60.0', '73.0', '2.0'],
        ['unweighted average', '', '', '37.5', '55.0', ''],
    ]
    assert len({len(line) for line in report.table().splitlines()}) == 1
    text, data = report.markdown(), json.loads(json.dumps(report.to_dict()))
    for part in ('protocol 36', 'letter case and symbols ignored', 'batches of 8 on cpu',
                 'Not there and skipped, 1 of 3 sets: gone (data/gone.json)', 'config: c.py',
                 '1 labels hold nothing'):
        assert part in text
    assert data['protocol']['name'] == '36' and data['skipped'] == {'gone': 'data/gone.json'}
    assert data['sets'][0] == dict(name='big', words=4, right=3, word_accuracy=0.75,
                                   one_minus_ned=0.85, images_per_second=2.0,
                                   labels_of_symbols_only=0)
    assert data['words'] == 5 and data['averages'] == dict(
        weighted=dict(word_accuracy=0.6, one_minus_ned=pytest.approx(0.73)),
        unweighted=dict(word_accuracy=0.375, one_minus_ned=pytest.approx(0.55)))

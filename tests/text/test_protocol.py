import random
import string

import pytest
from mmengine.structures import LabelData
from mmocr.evaluation.metrics import OneMinusNEDMetric, WordMetric
from mmocr.structures import TextRecogDataSample

from mmocr_siga.text.protocol import normalised, one_minus_ned, same_under


@pytest.mark.parametrize('label, reading, right', [
    # protocol:          36     62     94
    ('Word', 'Word', (True, True, True)),
    ('Word', 'word', (True, False, False)),
    ("It's!", 'its', (True, False, False)),
    ("It's!", 'Its', (True, True, False)),
    ("It's!", "It's!", (True, True, True)),
    ('New York', 'NewYork', (True, True, False)),
    ('word', 'ward', (False, False, False)),
    ('word', '', (False, False, False)),
    ('', '', (True, True, True)),
    ('--', '', (True, True, False)),
    ('caf\u00e9', 'caf', (True, True, False)),
    # MMOCR keeps this symbol.
    ('a^', 'a', (False, False, False)),
    ('\u4e2d', '', (False, False, False)),
])
def test_by_hand(label, reading, right):
    assert tuple(same_under(label, reading, p) for p in ('36', '62', '94')) == right


def test_one_minus_ned_by_hand():
    assert one_minus_ned('kitten', 'sitting') == pytest.approx(1 - 3 / 7)
    assert one_minus_ned('A-b', 'aB') == 1
    assert one_minus_ned('Ab', 'ab', '62') == pytest.approx(1 / 2)
    assert one_minus_ned('a-b', 'ab', '94') == pytest.approx(2 / 3)
    assert one_minus_ned('', '') == 1 and one_minus_ned('ab', '') == 0


def words(count, seed):
    rng = random.Random(seed)
    signs = string.ascii_letters[:6] + 'ABC12' + '-.^ \'\u00e9\u4e2d\u0130'
    return [''.join(rng.choices(signs, k=rng.randrange(5))) for _ in range(count)]


def samples(labels, readings):
    for label, reading in zip(labels, readings):
        sample = TextRecogDataSample()
        sample.gt_text, sample.pred_text = LabelData(item=label), LabelData(item=reading)
        yield sample.to_dict()


def test_36_and_94_are_mmocrs_figures():
    labels, readings = words(600, 0), words(600, 1)
    # As they are, in another case, without a symbol, and something else.
    for i in range(0, 600, 4):
        readings[i] = labels[i]
        readings[i + 1] = labels[i + 1].swapcase()
        readings[i + 2] = labels[i + 2].replace('-', '')
    metric, ned = WordMetric(mode=['exact', 'ignore_case_symbol']), OneMinusNEDMetric()
    for each in (metric, ned):
        each.process([], list(samples(labels, readings)))
    theirs = metric.compute_metrics(metric.results)
    ours = {p: [same_under(*pair, p) for pair in zip(labels, readings)] for p in ('36', '94')}
    assert ours['36'] == [bool(r['match_ignore_case_symbol_num']) for r in metric.results]
    assert ours['94'] == [bool(r['match_num']) for r in metric.results]
    assert 0.2 < sum(ours['94']) / 600 < sum(ours['36']) / 600 < 0.9
    assert theirs['word_acc_ignore_case_symbol'] == round(sum(ours['36']) / 600, 4)
    mean = sum(one_minus_ned(*pair) for pair in zip(labels, readings)) / 600
    assert ned.compute_metrics(ned.results)['1-N.E.D'] == pytest.approx(mean, abs=5.1e-5)


def test_an_unknown_protocol_is_an_error():
    with pytest.raises(KeyError, match='37'):
        normalised('a', '37')

import random
import string

import pytest
from mmengine.structures import LabelData
from mmocr.evaluation.metrics import OneMinusNEDMetric, WordMetric
from mmocr.registry import METRICS
from mmocr.structures import TextRecogDataSample

from mmocr_siga.evaluation import Prediction, WordProtocolMetric


def sample(label, reading, scores=()):
    out = TextRecogDataSample(metainfo=dict(img_path='a.png'))
    out.gt_text, out.pred_text = LabelData(item=label), LabelData(item=reading, score=list(scores))
    return out.to_dict()


def figures(metric, samples):
    metric.process([], samples)
    return metric.compute_metrics(metric.results)


def words(count, seed):
    rng = random.Random(seed)
    signs = string.ascii_letters[:6] + 'ABC12' + '-.^ \'\u00e9\u4e2d\u0130'
    return [''.join(rng.choices(signs, k=rng.randrange(5))) for _ in range(count)]


def test_the_figures_are_mmocrs():
    labels, readings = words(600, 0), words(600, 1)
    # As they are, in another case, without a symbol, and something else.
    for i in range(0, 600, 4):
        readings[i] = labels[i]
        readings[i + 1] = labels[i + 1].swapcase()
        readings[i + 2] = labels[i + 2].replace('-', '')
    samples = list(map(sample, labels, readings))
    theirs = figures(WordMetric(mode=['exact', 'ignore_case', 'ignore_case_symbol']), samples)
    theirs.update(figures(OneMinusNEDMetric(), samples))
    ours = figures(METRICS.build(dict(type='WordProtocolMetric')), samples)
    assert ours == pytest.approx(theirs, abs=5.1e-5) and ours.keys() == theirs.keys()
    assert 0.2 < ours['word_acc'] < ours['word_acc_ignore_case_symbol'] < 0.9


def test_another_protocol_by_hand():
    metric = WordProtocolMetric(['62'])
    assert figures(metric, [sample('A-b', 'Ab', [.5, 1]), sample('Ab', 'ab')]) == {
        'word_acc_ignore_symbol': 0.5, '1-N.E.D': pytest.approx((1 + 0.5) / 2)}
    assert metric.results == [Prediction('a.png', 'A-b', 'Ab', 0.75),
                              Prediction('a.png', 'Ab', 'ab', None)]


def test_numbers_and_accents_are_compared_as_text():
    metric = WordProtocolMetric(['94'])
    assert figures(metric, [sample(2024, '2024'), sample('caf\u00e9', 'cafe\u0301')]) == {
        'word_acc': 1, '1-N.E.D': 1}


def test_what_cannot_be_counted_is_named():
    unlabelled, unread = sample('a', 'a'), sample('a', 'a')
    del unlabelled['gt_text'], unread['pred_text']
    for given, message in ((unlabelled, 'a.png has no label'), (unread, 'the model gives no text')):
        with pytest.raises(ValueError, match=message):
            WordProtocolMetric().process([], [given])
    for wrong in (['37'], [], '36'):
        with pytest.raises(ValueError, match='protocols must be some of'):
            WordProtocolMetric(wrong)

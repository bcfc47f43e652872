import pytest
from mmengine.structures import LabelData
from mmocr.registry import METRICS
from mmocr.structures import TextRecogDataSample


def sample(label, reading):
    out = TextRecogDataSample(metainfo=dict(img_path='a.png'))
    out.gt_text, out.pred_text = LabelData(item=label), LabelData(item=reading, score=[])
    return out.to_dict()


def figures(words, **options):
    metric = METRICS.build(dict(type='CharacterErrorMetric', **options))
    metric.process([], [sample(*pair) for pair in words])
    return metric.compute_metrics(metric.results)


def test_in_100_characters_by_length_and_repetition():
    words = [('abcd', 'abbcd'), ('aab', 'ab'), ('abcdef', 'abcdex'), ('ABc', 'abc')]
    found = figures(words, lengths=(3, 5))
    assert {name: found[name] for name in ('dropped', 'doubled', 'inserted', 'replaced')} == (
        pytest.approx(dict(dropped=100 / 16, doubled=100 / 16, inserted=0, replaced=100 / 16)))
    assert (found['length_1-3/words'], found['length_1-3/word_acc']) == (2, 0.5)
    assert found['length_1-3/dropped'] == pytest.approx(100 / 6)
    assert found['length_4-5/doubled'] == 25 and found['length_4-5/dropped'] == 0
    assert found['length_6+/replaced'] == pytest.approx(100 / 6)
    assert (found['repeats/words'], found['no_repeats/words']) == (1, 3)
    assert found['repeats/dropped'] == pytest.approx(100 / 3)
    assert found['no_repeats/word_acc'] == pytest.approx(1 / 3)


def test_groups_without_words_are_left_out_and_case_counts_where_it_should():
    found = figures([('AB', 'aB')], protocol='94')
    assert found['replaced'] == 50 and found['length_1-5/word_acc'] == 0
    assert not any(name.startswith(('length_6', 'length_9', 'repeats')) for name in found)
    assert figures([])['dropped'] == 0
    for lengths in ((5, 3), (0, 4), (4, 4)):
        with pytest.raises(ValueError, match='must rise from 1'):
            figures([], lengths=lengths)

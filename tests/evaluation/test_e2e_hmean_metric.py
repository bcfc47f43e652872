import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.structures import InstanceData
from mmocr.evaluation.metrics import HmeanIOUMetric
from mmocr.registry import METRICS
from mmocr.structures import TextDetDataSample

from mmocr_siga.evaluation import E2EHmeanMetric


def box(x, y, w=10, h=4):
    return np.array([x, y, x + w, y, x + w, y + h, x, y + h], np.float32)


def sample(words, found, name='img_1.jpg'):
    """A data sample of (polygon, text) and (polygon, text, score, reading score)."""
    out = TextDetDataSample(metainfo=dict(img_path=f'images/{name}'))
    out.gt_instances = InstanceData(
        polygons=[polygon for polygon, _ in words], texts=[text for _, text in words],
        ignored=torch.tensor([text == '###' for _, text in words], dtype=torch.bool))
    out.pred_instances = InstanceData(
        polygons=[each[0] for each in found], texts=[each[1] for each in found],
        scores=torch.tensor([each[2] for each in found]),
        text_scores=torch.tensor([each[3] for each in found]))
    return out


def two_pictures():
    """Worked out by hand in the tests.

    Four words in the first picture, of which EXIT is found and read; Cafe! is found and read as
    cafo; B52 is read, too, but too far aside (IoU 24 / 56); ### is to be ignored, with one
    detection over it. One detection is where nothing is. In the second, bar is read; one
    doubtful detection is where nothing is.
    """
    return [
        sample([(box(0, 0), 'EXIT'), (box(20, 0), 'Cafe!'), (box(40, 0), 'B52'),
                (box(60, 0), '###')],
               [(box(1, 0), 'exit', .9, .8), (box(20, 0), 'cafo', .8, .3),
                (box(44, 0), 'b52', .9, .9), (box(60, 1), 'xx', .9, .9),
                (box(90, 0), 'yy', .4, .9)]),
        sample([(box(0, 0), 'bar')],
               [(box(0, 0), 'bar', .5, .75), (box(30, 30), 'noise', .35, .2)], 'img_2.jpg'),
    ]


def evaluate(samples, **options):
    evaluator = Evaluator([METRICS.build(dict(type='E2EHmeanMetric', **options))])
    for each in samples:
        evaluator.process([each], None)
    return {key[len('e2e/'):]: value for key, value in evaluator.evaluate(len(samples)).items()}


def figures(results, before='', after=''):
    return [results[f'{before}{name}{after}'] for name in ('precision', 'recall', 'hmean')]


def prh(hits, detections, words):
    p, r = hits / detections, hits / words
    return pytest.approx([p, r, 2 * p * r / (p + r)])


def test_by_hand():
    results = evaluate(two_pictures())
    # Words: EXIT, Cafe!, B52, bar. Counted detections: 4 and 2.
    assert figures(results) == prh(2, 6, 4)
    assert figures(results, 'detection_') == prh(3, 6, 4)
    # B52 is not asked for, and 24 of 40 of its detection lie over it.
    assert figures(results, 'spotting_') == prh(2, 5, 3)
    assert len(results) == 9


def test_lexicon_by_hand():
    results = evaluate(two_pictures(), lexicons=[dict(kind='strong')])
    # cafo becomes CAFE!; all other readings are some word of their picture, too.
    assert figures(results, after='_strong') == prh(3, 6, 4)
    assert figures(results, 'spotting_', '_strong') == prh(3, 5, 3)
    assert figures(results) == prh(2, 6, 4)
    results = evaluate(two_pictures(), lexicons=[dict(kind='weak')])
    # xx, yy and noise are far from all words and are left out. So is cafo, two edits from CAFE!;
    # in word spotting, without its mark, it is one.
    assert figures(results, after='_weak') == prh(2, 3, 4)
    assert figures(results, 'spotting_', '_weak') == prh(3, 3, 3)


def test_lexicon_files(tmp_path):
    (tmp_path / 'voc_img_1.txt').write_text('CAFE\nEXIT\n')
    (tmp_path / 'voc_img_2.txt').write_text('BAN\n')
    (tmp_path / 'generic.txt').write_text('exits\ncafe\nbar\n')
    results = evaluate(two_pictures(), protocols=['end_to_end'], lexicons=[
        dict(kind='strong', words=f'{tmp_path}/voc_{{name}}.txt'),
        dict(kind='generic', words=str(tmp_path / 'generic.txt'))])
    assert figures(results, after='_strong') == prh(2, 6, 4)  # exit, cafe
    assert figures(results, after='_generic') == prh(2, 3, 4)  # exits is wrong; cafe, bar
    with pytest.raises(FileNotFoundError):
        evaluate(two_pictures(), lexicons=[dict(kind='strong', words=f'{tmp_path}/{{name}}.txt')])


def test_a_strong_lexicon_is_filled_up_by_the_words_of_other_pictures():
    words = [(box(0, 20 * k), f'word{"abcdefgh"[k]}') for k in range(8)]
    pictures = [sample([word], [(word[0], 'worxx', 1., 1.)], f'{k}.jpg')
                for k, word in enumerate(words)]
    alone = evaluate(pictures, protocols=['end_to_end'], lexicons=[dict(kind='strong')])
    assert alone['hmean_strong'] == 1
    options = dict(protocols=['end_to_end'], lexicons=[dict(kind='strong', size=3)])
    # Own words come first, and so are picked among equally close ones.
    assert evaluate(pictures, **options)['hmean_strong'] == 1
    for each in pictures:
        each.pred_instances.texts = ['worda']
    filled = evaluate(pictures, **options)
    assert 1 / 8 <= filled['hmean_strong'] < 1 and filled == evaluate(pictures, **options)


def test_a_sweep():
    results = evaluate(two_pictures(), pred_score_thrs=dict(start=.3, stop=1, step=.1))
    # From 0.5 on yy and noise are gone: 2 of 4 detections; above, bar is gone, too.
    assert figures(results) == prh(2, 4, 4) and results['threshold'] == .5
    results = evaluate(two_pictures(), pred_score_thrs=.6)
    assert figures(results) == prh(1, 3, 4) and 'threshold' not in results
    results = evaluate(two_pictures(), pred_score_thrs=.7, score='text_scores',
                       protocols='end_to_end')
    # exit, b52, yy and bar are left; xx is over a region to be ignored.
    assert figures(results) == prh(2, 4, 4)


def test_detection_agrees_with_mmocr():
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(6):
        words = [(box(*rng.uniform(0, 60, 2)), 'abc' if k % 4 else '###') for k in range(12)]
        found = [(word[0] + rng.uniform(-4, 4), '', float(rng.uniform(.3, 1)), 1.)
                 for word in words]
        samples.append(sample(words, found))
    theirs = HmeanIOUMetric(pred_score_thrs=dict(start=.3, stop=.9, step=.1))
    theirs.process([], [each.to_dict() for each in samples])
    expected = theirs.compute_metrics(theirs.results)
    ours = evaluate(samples, protocols=['detection'],
                    pred_score_thrs=dict(start=.3, stop=.9, step=.1))
    assert 0 < expected['hmean'] < 1
    assert figures(ours, 'detection_') == pytest.approx(
        [expected[name] for name in ('precision', 'recall', 'hmean')])


def test_pictures_without_words_and_without_detections():
    empty = [sample([], []), sample([], [(box(0, 0), 'a', .9, .9)]),
             sample([(box(0, 0), 'word')], []), sample([(box(0, 0), '###')], [])]
    assert set(evaluate(empty, lexicons=[dict(kind='strong'), dict(kind='weak')]).values()) == {0.}
    results = evaluate([*empty, sample([(box(0, 0), 'a')], [(box(0, 0), 'a', .9, .9)])])
    assert figures(results) == prh(1, 2, 2)
    # Regions that cannot be matched.
    crossing = np.array([0, 0, 10, 10, 10, 0, 0, 10], np.float32)
    line = np.array([0, 0, 5, 0, 10, 0], np.float32)
    results = evaluate([sample([(crossing, 'bow'), (line, 'line')],
                               [(crossing, 'bow', .9, .9), (line, 'line', .9, .9)])])
    assert figures(results) == prh(1, 2, 2)


def test_only_detection_needs_no_texts():
    samples = two_pictures()
    for each in samples:
        del each.pred_instances.texts, each.gt_instances.texts
    assert figures(evaluate(samples, protocols=['detection']), 'detection_') == prh(3, 6, 4)
    with pytest.raises(ValueError, match="gt_instances.*no 'texts'.*with_text=True"):
        evaluate(samples)
    samples = two_pictures()
    del samples[0].pred_instances.texts
    with pytest.raises(ValueError, match="pred_instances.*no 'texts'.*only detects"):
        evaluate(samples)


@pytest.mark.parametrize('options, words', [
    (dict(protocols=['reading']), 'protocols must be some of'),
    (dict(protocols=[]), 'protocols must be some of'),
    (dict(score='score'), 'score must be one of'),
    (dict(pred_score_thrs=dict(start=.3)), 'start, stop and a positive step'),
    (dict(pred_score_thrs=dict(start=.3, stop=.2, step=.1)), 'at least one threshold'),
    (dict(lexicons=[dict(kind='full')]), 'a lexicon needs a kind'),
    (dict(lexicons=[dict(kind='weak', path='x')]), 'a lexicon needs a kind'),
    (dict(lexicons=[dict(kind='generic')]), 'a generic lexicon needs words'),
    (dict(lexicons=[dict(kind='strong', words='x.txt')]), "'{name}'"),
    (dict(lexicons=[dict(kind='weak', distance='x')]), 'distance must be one of'),
    (dict(lexicons=[dict(kind='weak'), dict(kind='weak')]), 'given once'),
])
def test_wrong_arguments(options, words):
    with pytest.raises(ValueError, match=words):
        E2EHmeanMetric(**options)

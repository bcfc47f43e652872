import pickle

import pytest
from mmengine.config import ConfigDict
from mmengine.runner import Runner
from mmengine.structures import LabelData
from mmocr.registry import EVALUATOR
from mmocr.structures import TextRecogDataSample

from mmocr_siga.evaluation.named_datasets_evaluator import averages
from tests.helpers.word_sets import PIPELINE, write_json, write_lmdb

METRICS = [dict(type='WordProtocolMetric', protocols=['94', '36'])]
EXACT, FOLDED = 'recog/word_acc', 'recog/word_acc_ignore_case_symbol'


def evaluated(meta, pairs, **kwargs):
    evaluator = EVALUATOR.build(dict(type='NamedDatasetsEvaluator', metrics=METRICS, **kwargs))
    evaluator.dataset_meta = meta
    samples = []
    for label, reading in pairs:
        sample = TextRecogDataSample()
        sample.gt_text, sample.pred_text = LabelData(item=label), LabelData(item=reading)
        samples.append(sample)
    evaluator.process(samples)
    return evaluator.evaluate(len(samples))


PAIRS = [('a', 'a'), ('B', 'b'), ('c', 'x'), ('d', 'x'), ('e', 'e')]


def test_names_and_averages_come_from_the_data():
    metrics = evaluated(dict(dataset_names=['one', 'two'], cumulative_sizes=[1, 5]), PAIRS)
    # Both letters of a pair differ, or none.
    assert metrics == {
        f'{name}/recog/{kind}': pytest.approx(value)
        for name, exact, folded in (('one', 1, 1), ('two', .25, .5), ('average', .625, .75),
                                    ('weighted_average', .4, .6))
        for kind, value in (('word_acc', exact), ('word_acc_ignore_case_symbol', folded),
                            ('1-N.E.D', exact))}
    one = evaluated(dict(), PAIRS, dataset_prefixes=['all'])  # has no averages
    assert one == {f'all/{EXACT}': 0.4, f'all/{FOLDED}': 0.6, 'all/recog/1-N.E.D': 0.4}
    # Sets named like one another are kept apart.
    metrics = {'IC/acc': 0.0, 'IC/2/acc': 1.0, 'other/only': 3.0}
    assert averages(metrics, {'IC': 3, 'IC/2': 1})['average/acc'] == 0.5


def test_prefixes_serve_data_without_names():
    meta = dict(cumulative_sizes=[1, 5])
    metrics = evaluated(meta, PAIRS, dataset_prefixes=['x', 'y'])
    assert metrics[f'x/{EXACT}'] == 1 and metrics[f'y/{EXACT}'] == 0.25
    # One of three was skipped.
    metrics = evaluated(dict(meta, dataset_kept=[0, 2]), PAIRS, dataset_prefixes=['x', 'y', 'z'])
    assert metrics[f'x/{EXACT}'] == 1 and metrics[f'z/{EXACT}'] == 0.25
    # Names of the data come first.
    metrics = evaluated(dict(meta, dataset_names=['m', 'n']), PAIRS, dataset_prefixes=['x'])
    assert f'm/{EXACT}' in metrics


@pytest.mark.parametrize('meta, prefixes, message', [
    (dict(cumulative_sizes=[1, 5]), None, 'have no names'),
    (dict(cumulative_sizes=[1, 5]), ['a'], r"1 dataset_prefixes \['a'\] for 2 data sets"),
    (dict(cumulative_sizes=[1, 5]), ['a', 'a'], 'different names'),
    (dict(cumulative_sizes=[1, 5], dataset_names=['a']), None, 'for 2 data sets'),
])
def test_names_that_do_not_fit_are_refused(meta, prefixes, message):
    with pytest.raises(ValueError, match=message):
        evaluated(meta, PAIRS, dataset_prefixes=prefixes)


@pytest.mark.parametrize('saved', [False, True])
def test_a_test_run_over_what_is_there(tmp_path, saved):
    write_json(tmp_path / 'a.json', ['one'], first=0)
    write_lmdb(tmp_path / 'b', ['two', 'three', 'Four'], first=1)
    root = str(tmp_path)
    datasets = ConfigDict(
        A=dict(type='OCRDataset', data_root=root, ann_file='a.json', test_mode=True),
        gone=dict(type='WordLMDBDataset', data_root=root, ann_file='gone', test_mode=True),
        B=dict(type='WordLMDBDataset', data_root=root, ann_file='b', test_mode=True))
    evaluator = dict(type='NamedDatasetsEvaluator', metrics=METRICS)
    if saved:  # as MMOCR's tool for --save-preds
        dump = dict(type='DumpResults', out_file_path=str(tmp_path / 'predictions.pkl'))
        evaluator = [evaluator, dump]
    metrics = Runner(
        model=dict(type='ScriptedRecognizer', answers=['one', 'TWO', 'xxx', 'four'],
                   dictionary=dict(type='WordDictionary', dict_file='36')),
        work_dir=str(tmp_path / 'work'), default_scope='mmocr', log_level='ERROR',
        experiment_name=tmp_path.name,
        test_dataloader=dict(
            batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type='AvailableDatasets', missing='skip', pipeline=[
                dict(PIPELINE[0], backend_args=dict(backend='nonempty')), *PIPELINE[1:]
            ], datasets=datasets)),
        test_cfg=dict(type='TestLoop'),
        test_evaluator=evaluator).test()
    assert metrics[f'A/{FOLDED}'] == 1
    assert metrics[f'B/{FOLDED}'] == pytest.approx(2 / 3)
    assert metrics[f'B/{EXACT}'] == 0
    assert metrics[f'weighted_average/{FOLDED}'] == 0.75
    assert not any(key.startswith('gone') for key in metrics)
    if saved:
        dumped = pickle.loads((tmp_path / 'predictions.pkl').read_bytes())
        assert [(sample['gt_text']['item'], sample['pred_text']['item']) for sample in dumped] == [
            ('one', 'one'), ('two', 'TWO'), ('three', 'xxx'), ('Four', 'four')]

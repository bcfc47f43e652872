import logging

import pytest
from mmocr.registry import DATASETS

from mmocr_siga.datasets import AvailableDatasets
from mmocr_siga.datasets.wrappers.available_datasets import missing_sources, source_of
from tests.helpers.word_sets import PIPELINE, write_json, write_lmdb, write_tsv


@pytest.fixture
def sets(tmp_path):
    """Three that are there, of 2, 1 and 3 words, and two that are not."""
    write_json(tmp_path / 'a' / 'words.json', ['a1', 'a2'])
    write_lmdb(tmp_path / 'b', ['b1'])
    write_tsv(tmp_path / 'c.tsv', ['c1', 'c2', 'c3'])
    (tmp_path / 'empty').mkdir()
    root = str(tmp_path)
    return dict(
        A=dict(type='OCRDataset', data_root=f'{root}/a', ann_file='words.json', pipeline=None),
        gone=dict(type='OCRDataset', data_root=f'{root}/gone', ann_file='x.json', pipeline=None),
        B=dict(type='WordLMDBDataset', data_root=root, ann_file='b', pipeline=None),
        hollow=dict(type='WordLMDBDataset', ann_file=f'{root}/empty', pipeline=None),
        C=dict(type='WordTSVDataset', data_root=root, ann_file='c.tsv', pipeline=None))


def build(datasets, **kwargs):
    return DATASETS.build(dict(type='AvailableDatasets', datasets=datasets, **kwargs))


def labels(dataset):
    return [dataset.get_data_info(i)['instances'][0]['text'] for i in range(len(dataset))]


def test_missing_sets_are_an_error_that_names_all(sets, tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        build(sets)
    for told in ('2 of 5 data sets are missing', f"gone: no '{tmp_path}/gone/x.json'",
                 f"hollow: no '{tmp_path}/empty'", "missing='skip'"):
        assert told in str(error.value)


def test_what_is_there_is_used_and_the_rest_is_logged(sets, monkeypatch):
    said = []
    monkeypatch.setattr('mmocr_siga.datasets.wrappers.available_datasets.print_log',
                        lambda text, logger, level: said.append((level, text)))
    dataset = build(sets, missing='skip')
    assert labels(dataset) == ['a1', 'a2', 'b1', 'c1', 'c2', 'c3']
    assert dataset.metainfo['dataset_names'] == ['A', 'B', 'C']
    assert dataset.metainfo['dataset_kept'] == [0, 2, 4]
    assert list(dataset.metainfo['cumulative_sizes']) == [2, 3, 6]
    (level, text), = said
    assert level == logging.WARNING and '2 of 5' in text
    assert 'gone' in text and 'hollow' in text and text.endswith('in use: A, B, C')


def test_all_there_says_nothing_and_none_there_is_an_error(sets, monkeypatch):
    monkeypatch.setattr('mmocr_siga.datasets.wrappers.available_datasets.print_log', None)
    dataset = build(dict(C=sets['C'], A=sets['A']), pipeline=PIPELINE[1:])
    assert dataset.metainfo['dataset_names'] == ['C', 'A'] and len(dataset) == 5
    # The pipeline goes to every set.
    assert [len(member.pipeline.transforms) for member in dataset.datasets] == [2, 2]
    with pytest.raises(FileNotFoundError, match='no data set is there'):
        build(dict(gone=sets['gone'], hollow=sets['hollow']), missing='skip')


def test_a_list_has_places_but_no_names(sets):
    dataset = build([sets['gone'], sets['A']], missing='skip')
    assert 'dataset_names' not in dataset.metainfo and dataset.metainfo['dataset_kept'] == [1]
    with pytest.raises(FileNotFoundError, match=r'OCRDataset\(.*gone/x.json\): no'):
        build([sets['gone'], sets['A']])


def test_a_broken_set_is_no_missing_one(sets, tmp_path):
    (tmp_path / 'a' / 'words.json').write_text('{"metainfo": {}}')
    with pytest.raises(ValueError, match='data_list'):
        build(sets, missing='skip')


def test_wrappers_are_missing_if_a_member_is(sets, tmp_path):
    both = dict(type='ConcatDataset', datasets=[sets['A'], sets['gone']])
    twice = dict(type='RepeatDataset', times=2, dataset=sets['A'])
    assert missing_sources(both) == [f'{tmp_path}/gone/x.json']
    assert missing_sources(dict(type='RepeatDataset', times=2, dataset=both)) != []
    assert missing_sources(twice) == []
    some = dict(type='AvailableDatasets', datasets=dict(A=sets['A'], g=sets['gone']),
                missing='skip')
    assert missing_sources(some) == []
    assert missing_sources(dict(some, missing='error')) == [f'{tmp_path}/gone/x.json']
    dataset = build(dict(both=both, twice=twice), missing='skip')
    assert dataset.metainfo['dataset_names'] == ['twice'] and len(dataset) == 4


def test_sources_are_joined_as_mmengine_joins_them():
    assert source_of(dict(ann_file='a.json', data_root='/root')) == '/root/a.json'
    assert source_of(dict(ann_file='/a.json', data_root='/root')) == '/a.json'
    assert source_of(dict(ann_file='s3://x/a.json', data_root='/root')) == 's3://x/a.json'
    assert source_of(dict(ann_file='a.json')) == 'a.json'
    assert source_of(dict(type='Other')) is None and missing_sources(dict(type='Other')) == []


@pytest.mark.parametrize('kwargs, error, message', [
    (dict(datasets=dict(type='OCRDataset', ann_file='a')), TypeError, "'type': 'OCRDataset'"),
    (dict(datasets='a.json'), TypeError, "'a.json'"),
    (dict(datasets=dict(a=3)), TypeError, 'data set a: expected a config, but got 3'),
    (dict(datasets={}), ValueError, 'is empty'),
    (dict(datasets=[], missing='maybe'), ValueError, "is 'maybe'"),
])
def test_bad_arguments(kwargs, error, message):
    with pytest.raises(error, match=message):
        AvailableDatasets(**kwargs)

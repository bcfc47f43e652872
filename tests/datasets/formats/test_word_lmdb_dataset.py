import copy
import pickle

import cv2
import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader

from mmocr_siga.datasets import CheckedTextDataset, LoadWordImage, WordLMDBDataset
from mmocr_siga.datasets.formats import word_lmdb_dataset as module
from mmocr_siga.datasets.label_scan import scan_labels
from tests.helpers.word_sets import put_lmdb, write_lmdb

lmdb = pytest.importorskip('lmdb')


def encoded(value, ext='.png'):
    return cv2.imencode(ext, np.full((4, 6, 3), value, np.uint8))[1].tobytes()


def database(path, words):
    """A database of pairs of labels and images."""
    labels, images = zip(*words)
    return str(write_lmdb(path, labels, images=images))


@pytest.fixture
def path(tmp_path):
    return database(tmp_path / 'words', [(f'w{i}', encoded(10 * i)) for i in range(1, 6)])


def test_words(path):
    dataset = DATASETS.build(dict(type='WordLMDBDataset', ann_file=path, pipeline=None))
    assert len(dataset) == 5
    results = dataset[2]
    assert results['instances'] == [dict(text='w3')]
    assert results['img_key'] == 'image-000000003'
    assert results['img_path'] == f'{path}:image-000000003'
    np.testing.assert_array_equal(results['img'], np.full((4, 6, 3), 30))


def test_forked_workers_read_for_themselves(path):
    dataset = WordLMDBDataset(ann_file=path, pipeline=[LoadWordImage()])
    # Opened here as well, before the workers start; closing is no end.
    for _ in range(2):
        assert dataset[0]['img'][0, 0, 0] == 10
        dataset.close()
        dataset.close()
    assert dataset[0]['img'][0, 0, 0] == 10
    loader = DataLoader(
        dataset, num_workers=2, collate_fn=pseudo_collate, multiprocessing_context='fork')
    assert [batch['img'][0][0, 0, 0] for batch in loader] == [10, 20, 30, 40, 50]
    assert dataset[1]['img'][0, 0, 0] == 20


def test_copies_and_pickles(path):
    dataset = WordLMDBDataset(ann_file=path, pipeline=[])
    assert dataset[0] is not None
    for twin in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset)),
                 dataset.get_subset([4, 0])):
        assert twin.reader is not dataset.reader
        assert twin[0]['img'].shape == dataset[0]['img'].shape == (4, 6, 3)
    assert dataset.get_subset([4, 0])[0]['instances'] == [dict(text='w5')]


def test_holes(tmp_path):
    path = database(tmp_path / 'words', [('a', encoded(1)), (None, encoded(2)), ('c', None),
                                         ('d', b''), ('e', b'no image'), ('f', encoded(3))])
    put_lmdb(path, {'label-000000006': b'caf\xe9'})
    dataset = WordLMDBDataset(ann_file=path, pipeline=[LoadWordImage()])
    assert texts(dataset) == ['a', None, 'c', 'd', 'e', None]
    assert texts(WordLMDBDataset(ann_file=path, min_length=1)) == ['a', 'c', 'd', 'e']
    assert dataset.prepare_data(0)['img'] is not None
    for index in (2, 3, 4):
        with pytest.raises(OSError, match=f'words:image-00000000{index + 1}'):
            dataset.prepare_data(index)
    with pytest.raises(ValueError, match='1 skipped, each of which has no label, .*-000000002\n'
                                         '.*has a label that is not UTF-8.*, e.g. .*-000000006'):
        WordLMDBDataset(ann_file=path, test_mode=True)


def test_test_pipelines_read_it_and_name_holes(path, tmp_path):
    load = dict(type='LoadImageFromFile', backend_args=dict(backend='nonempty'))
    dataset = DATASETS.build(dict(
        type='WordLMDBDataset', ann_file=path, pipeline=[load], test_mode=True))
    assert [dataset[i]['img'][0, 0, 0] for i in (4, 0)] == [50, 10]
    assert dataset[4]['ori_shape'] == (4, 6)
    path = database(tmp_path / 'holes', [('c', None), ('d', b'')])
    dataset = WordLMDBDataset(ann_file=path, pipeline=[load], test_mode=True)
    for index, problem in enumerate(('missing', 'empty')):
        with pytest.raises(OSError, match=f'holes:image-00000000{index + 1} is {problem}'):
            dataset[index]


MIXED = ['cat', 'DOG', 'na\u00efve', '', None, 'elephants', 'a-b']


@pytest.fixture
def mixed(tmp_path):
    return database(tmp_path / 'mixed', [(t, encoded(i)) for i, t in enumerate(MIXED)])


def texts(dataset):
    return [dataset.get_data_info(i)['instances'][0]['text'] for i in range(len(dataset))]


LOWER = dict(min_length=1, characters='lower_english_digits.txt')


@pytest.mark.parametrize('options, kept', [
    (dict(min_length=1, max_length=5), ['cat', 'DOG', 'na\u00efve', 'a-b']),
    (dict(min_length=4), ['na\u00efve', 'elephants']),
    (LOWER, ['cat', 'elephants']),
    (dict(LOWER, letter_case='lower'), ['cat', 'DOG', 'elephants']),
    (dict(characters='na\u00efve', max_length=5), ['na\u00efve', ''])])
def test_filters(mixed, options, kept):
    dataset = WordLMDBDataset(ann_file=mixed, pipeline=[LoadWordImage()], **options)
    assert texts(dataset) == kept
    assert [dataset[i]['img'][0, 0, 0] for i in range(len(kept))] == [MIXED.index(t) for t in kept]


def test_reports_of_filters(mixed, monkeypatch):
    logged = []
    monkeypatch.setattr(module, 'print_log', lambda text, logger: logged.append(text))
    WordLMDBDataset(ann_file=mixed, min_length=1, max_length=5, characters='lower36')
    assert (f"3 skipped, each of which has unknown characters, e.g. {mixed}:image-000000002"
            " 'DOG', ") in logged[0]
    assert '1 skipped, each of which has a label longer than 5 characters' in logged[0]
    with pytest.raises(ValueError, match='no word is left(.|\n)*7 words, 0 kept'):
        WordLMDBDataset(ann_file=mixed, min_length=50)
    with pytest.raises(ValueError, match='letter_case'):
        WordLMDBDataset(ann_file=mixed, letter_case='title')


def test_subsets_of_a_filtered_database(mixed):
    dataset = WordLMDBDataset(ann_file=mixed, min_length=1, max_length=5, indices=-3)
    assert texts(dataset) == ['DOG', 'na\u00efve', 'a-b']
    assert texts(dataset.get_subset(2)) == ['DOG', 'na\u00efve']
    assert texts(dataset.get_subset([2, 0])) == ['a-b', 'DOG']
    assert dataset.get_data_info(-1)['img_key'] == 'image-000000007'
    assert dataset.get_data_info(-1)['sample_idx'] == 2
    for wrong in (3, -4):
        with pytest.raises(IndexError, match='out of range for 3 words'):
            dataset.get_data_info(wrong)
    with pytest.raises(ValueError):
        dataset.get_subset('ab')


def test_what_a_filter_keeps_is_made_once_and_follows_the_database(path, tmp_path, monkeypatch):
    options = dict(ann_file=path, index_cache=str(tmp_path / 'cache'), characters='w13')
    assert texts(WordLMDBDataset(**options)) == ['w1', 'w3']
    scans = []
    monkeypatch.setattr(module, 'scan_labels', lambda *a: scans.append(a) or scan_labels(*a))
    assert texts(WordLMDBDataset(**options)) == ['w1', 'w3'] and not scans
    other = WordLMDBDataset(**dict(options, characters='w2'))
    assert texts(other) == ['w2'] and len(scans) == 1
    other.close()
    put_lmdb(path, {'label-000000002': b'www'})
    assert texts(WordLMDBDataset(**options)) == ['w1', 'www', 'w3'] and len(scans) == 2


def test_a_rule_of_training_is_kept_too(path, tmp_path, monkeypatch):
    dictionary = dict(type='WordDictionary', dict_file='36')
    options = dict(ann_file=path, pipeline=None, index_cache=str(tmp_path / 'cache'))

    def check(max_seq_len=25, **more):
        return len(CheckedTextDataset(WordLMDBDataset(**options, **more), dictionary, max_seq_len))

    assert check() == 5
    monkeypatch.setattr(module, 'scan_labels', lambda *a: 1 / 0)
    assert check() == 5
    # Another rule, or other words of the same database.
    for changed in (dict(max_seq_len=1), dict(indices=[0, 1])):
        with pytest.raises(ZeroDivisionError):
            check(**changed)

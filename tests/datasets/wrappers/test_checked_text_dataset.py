import copy
import pickle
from multiprocessing.reduction import ForkingPickler
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import RepeatDataset, pseudo_collate
from mmocr.datasets import ConcatDataset
from torch.utils.data import DataLoader

from mmocr_siga.datasets import (
    CheckedTextDataset,
    EnsureBGR,
    LoadWordImage,
    PackGlyphInputs,
    WordTSVDataset,
)
from mmocr_siga.datasets.wrappers import checked_text_dataset as module
from mmocr_siga.datasets.wrappers.checked_text_dataset import SkipReason
from tests.helpers.word_sets import write_lmdb

DICTIONARY = dict(type='WordDictionary', dict_file='36', with_end=True, with_unknown=True,
                  unknown_token=None)
# Built once: the registry's scope is no concern of these tests.
PIPELINE = [LoadWordImage(), EnsureBGR()]


class AddText:
    """Stands in for LoadOCRAnnotations."""

    def __call__(self, results):
        results['gt_texts'] = [instance['text'] for instance in results['instances']]
        return results


def write_images(folder, values, size=(6, 4)):
    folder.mkdir(exist_ok=True)
    for i, value in enumerate(values):
        img = np.full((size[1], size[0], 3), value, np.uint8)
        (folder / f'{i}.png').write_bytes(cv2.imencode('.png', img)[1].tobytes())


def words(folder, texts, pipeline=PIPELINE, **options):
    """A table of words whose i-th image has the gray value i."""
    write_images(folder, range(len(texts)))
    (folder / 'a.tsv').write_text(''.join(f'{i}.png\t{t}\n' for i, t in enumerate(texts)))
    # Not serialized: that collects all garbage of the process each time.
    return WordTSVDataset(ann_file='a.tsv', data_root=str(folder), pipeline=pipeline,
                          serialize_data=False, **options)


def checked(dataset, **options):
    return CheckedTextDataset(dataset, DICTIONARY, **options)


def values(dataset):
    return [int(dataset[i]['img'][0, 0, 0]) for i in range(len(dataset))]


class TestScan:

    @pytest.mark.parametrize('options, kept', [
        ({}, {0: 'good', 1: 'its', 3: 'naive'}),
        (dict(unknown='skip'), {0: 'good'}),
        (dict(letter_case='unchanged', max_seq_len=3), {1: 'ts'})])
    def test_labels(self, tmp_path, monkeypatch, options, kept):
        logged = []
        monkeypatch.setattr(module, 'print_log', lambda text, logger: logged.append(text))
        dataset = checked(words(tmp_path / 'a', ('good', "It's", '', 'Na\u00efve')), **options)
        assert values(dataset) == list(kept)
        assert [dataset.get_data_info(i)['instances'][0]['text'] for i in range(len(kept))
                ] == list(kept.values())
        for told in (f'4 words, {len(kept)} kept', 'WordTSVDataset(',
                     '1 skipped, each of which has an empty label, e.g. ', "2.png ''"):
            assert told in logged[0]
        with pytest.raises(ValueError, match='no sample can be trained on(.|\n)*1 skipped, each '
                                             'of which has an empty label'):
            checked(words(tmp_path / 'b', ['?', '']))


class TestWrapping:

    def test_members_of_nested_concatenations(self, tmp_path):
        parts = [words(tmp_path / name, texts) for name, texts in
                 (('a', ['a', '', 'c']), ('b', ['?', '?']), ('c', ['x', 'y']))]
        dataset = checked(ConcatDataset([parts[0], parts[1], parts[2]]))
        assert values(dataset) == [0, 2, 0, 1]
        assert [r.kept for r in dataset.reports] == [2, 0, 2]
        assert dataset.metainfo['cumulative_sizes'] == [2, 2, 4]
        assert [dataset.get_data_info(i)['sample_idx'] for i in (0, 3, -1)] == [0, 3, 3]
        assert dataset.describe(2) == str(tmp_path / 'c' / '0.png')

    def test_lmdb_databases_with_the_same_pipeline(self, tmp_path):
        pytest.importorskip('lmdb')
        good = cv2.imencode('.png', np.full((4, 6, 3), 9, np.uint8))[1].tobytes()
        write_lmdb(tmp_path / 'db', 'a?cd', images=[good, good, b'junk', None])
        for kind in ('WordLMDBDataset', 'RecogLMDBDataset'):
            dataset = checked(dict(type=kind, ann_file=str(tmp_path / 'db'), pipeline=None),
                              pipeline=PIPELINE)
            assert values(dataset) == [9, 9, 9]
            reasons = dataset.skip_flags.tolist()
            assert reasons[:2] == [0, SkipReason.UNREADABLE] and reasons[2] != 0
            dataset.members[0].close()

    def test_repetitions_count_each_time_but_are_marked_once(self, tmp_path, monkeypatch):
        logged = []
        monkeypatch.setattr(module, 'print_log', lambda text, logger: logged.append(text))
        parts = [words(tmp_path / 'a', ['a', '', 'c']), words(tmp_path / 'b', ['x', 'y'])]
        (tmp_path / 'b' / '1.png').unlink()
        both = ConcatDataset([parts[0]])
        both.datasets = [RepeatDataset(parts[1], 3), parts[0], RepeatDataset(parts[1], 1)]
        dataset = checked(both)
        assert len(dataset) == 10 and len(dataset.skip_flags) == 4
        got = values(dataset)
        assert got[0] == got[2] == got[4] == got[8] == 0 and got[6:8] == [0, 2]
        # The members in the order in which they come: b, then a.
        assert dataset.skip_flags.tolist() == [0, SkipReason.MISSING, 0, 0]
        assert dataset.describe(1) == str(tmp_path / 'b' / '1.png')
        assert dataset.describe(3) == str(tmp_path / 'a' / '2.png')
        assert [r.times for r in dataset.reports] == [4, 1]
        assert '5 words, 4 kept, 10 an epoch' in logged[-1]
        assert '2 words, 2 kept, each 4 times' in logged[-1]

    def test_the_data_set_wrapped_is_not_changed(self, tmp_path):
        inner = words(tmp_path / 'a', ["It's", '', 'C'], [*PIPELINE, AddText(), PackGlyphInputs()])
        sample = checked(inner)[0]['data_samples']
        assert sample.gt_text.item == 'its' and sample.ori_text == "It's"
        assert len(inner) == 3 and len(inner.pipeline.transforms) == 4
        assert inner[0]['data_samples'].gt_text.item == "It's"

    def test_what_cannot_be_wrapped(self, tmp_path):
        inner = words(tmp_path / 'a', ['a'])
        with pytest.raises(TypeError, match='SimpleNamespace has no get_data_info'):
            checked(SimpleNamespace(metainfo={}, dataset=inner))
        with pytest.raises(ValueError, match='pipeline of its own'):
            checked(inner, pipeline=PIPELINE)
        for wrong in (dict(max_retries=-1), dict(unknown='keep'), dict(max_seq_len=0)):
            with pytest.raises(ValueError, match=next(iter(wrong))):
                checked(inner, **wrong)

    def test_lazy_init_and_indices(self, tmp_path):
        dataset = checked(words(tmp_path / 'a', ['a', '', 'c'], lazy_init=True), lazy_init=True)
        assert not dataset._fully_initialized and dataset.metainfo == {}
        assert int(dataset[-1]['img'][0, 0, 0]) == 2 and dataset._fully_initialized
        assert int(dataset[np.int64(1)]['img'][0, 0, 0]) == 2
        for idx in (2, -3):
            with pytest.raises(IndexError, match='2 samples'):
                dataset[idx]
        assert len(list(dataset)) == len(dataset) == 2

    def test_words_without_labels(self, tmp_path):
        pipeline = [*PIPELINE, AddText(), PackGlyphInputs()]
        inner = words(tmp_path / 'a', ['a', '', '?', 'x' * 99], pipeline)
        (tmp_path / 'a' / '2.png').unlink()
        dataset = CheckedTextDataset(ConcatDataset([inner]), unlabeled=True)
        assert len(dataset) == 4 and dataset.get_data_info(0)['instances'] == []
        assert dataset.metainfo['cumulative_sizes'] == [4]
        batch = pseudo_collate([dataset[i] for i in range(4)])
        assert len(batch['inputs']) == 4
        assert not any('gt_text' in sample for sample in batch['data_samples'])
        assert dataset.skip_flags.tolist() == [0, 0, SkipReason.MISSING, 0]
        with pytest.raises(ValueError, match='a dictionary is needed'):
            CheckedTextDataset(inner)


def spoilt(folder, **options):
    """Ten words; image 2 is missing, 4 no image, 6 empty, 8 half of one."""
    inner = words(folder, 'abcdefghij', **options)
    (folder / '2.png').unlink()
    (folder / '4.png').write_bytes(b'no image')
    (folder / '6.png').write_bytes(b'')
    img = np.random.default_rng(0).integers(0, 256, (40, 90, 3), np.uint8)
    (folder / '8.png').write_bytes(cv2.imencode('.png', img)[1].tobytes()[:2000])
    return inner


SPOILT = {2: SkipReason.MISSING, 4: SkipReason.UNREADABLE, 6: SkipReason.UNREADABLE,
          8: SkipReason.UNREADABLE}


def marks(dataset):
    return {i: f for i, f in enumerate(dataset.skip_flags.tolist()) if f}


class TestReplacing:

    def test_bad_samples_are_replaced_and_marked_once(self, tmp_path):
        dataset, runs = checked(spoilt(tmp_path / 'a')), []
        for seed in (0, 1, 0):
            np.random.seed(seed)
            runs.append(values(dataset))
            assert all(runs[-1][i] == i for i in range(10) if i not in SPOILT)
            assert not set(runs[-1]) & set(SPOILT)
        assert marks(dataset) == SPOILT
        twin = checked(spoilt(tmp_path / 'a'))
        np.random.seed(0)
        assert values(twin) == runs[0]

    def test_marks_of_workers_are_seen(self, tmp_path):
        dataset = checked(spoilt(tmp_path / 'a'))
        loader = DataLoader(dataset, num_workers=2, collate_fn=pseudo_collate,
                            multiprocessing_context='fork')
        got = [int(batch['img'][0][0, 0, 0]) for batch in loader]
        assert [got[i] for i in (0, 1, 3, 5, 7, 9)] == [0, 1, 3, 5, 7, 9]
        assert marks(dataset) == SPOILT

    @pytest.mark.parametrize('result, reason', [
        (lambda results: None, SkipReason.NO_RESULT),
        (lambda results: dict(results, img=results['img'][:0]), SkipReason.UNUSABLE)])
    def test_what_the_pipeline_makes_unusable(self, tmp_path, result, reason):

        def spoil_one(results):
            return result(results) if results['img'][0, 0, 0] == 1 else results

        dataset = checked(words(tmp_path / 'a', 'abc', [LoadWordImage(), spoil_one, EnsureBGR()]))
        assert 1 not in values(dataset)
        assert dataset.skip_flags.tolist() == [0, reason, 0]

    def test_nothing_but_bad_samples_is_an_error(self, tmp_path):
        inner = words(tmp_path / 'a', 'abc')
        for i in range(3):
            (tmp_path / 'a' / f'{i}.png').unlink()
        for retries in (7, 0):
            with pytest.raises(RuntimeError, match=rf'{retries + 1} tries.*\.png \(missing'
                               ) as error:
                checked(inner, max_retries=retries)[1]
            assert isinstance(error.value.__cause__, FileNotFoundError)

    @pytest.mark.parametrize('error', [ValueError, KeyError, TypeError])
    def test_faults_of_the_configuration_are_raised(self, tmp_path, error):

        def fail(results):
            raise error('a fault')

        dataset = checked(words(tmp_path / 'a', 'abc', [*PIPELINE, fail]))
        with pytest.raises(error, match='a fault'):
            dataset[0]
        assert dataset.skip_flags.sum() == 0

    def test_copies_count_for_themselves(self, tmp_path):
        dataset = checked(spoilt(tmp_path / 'a'))
        for twin in (copy.deepcopy(dataset), pickle.loads(pickle.dumps(dataset))):
            list(twin)
            assert twin.skip_flags.is_shared() and twin.skip_flags.count_nonzero() == 4
        assert dataset.skip_flags.is_shared() and dataset.skip_flags.count_nonzero() == 0
        assert dataset.skip_flags.dtype == torch.uint8
        # As a spawned worker gets it: with the same marks.
        list(pickle.loads(ForkingPickler.dumps(dataset)))
        assert dataset.skip_flags.count_nonzero() == 4

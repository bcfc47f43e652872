import copy
import itertools
import pickle

import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader

from mmocr_siga.datasets import LoadWordImage, PackGlyphInputs, RenderedWordDataset
from mmocr_siga.datasets import rendered_dataset as module
from mmocr_siga.rendering.fonts import bundled_font_dir

SANS = str(bundled_font_dir() / 'DejaVuSans.ttf')
DICTIONARY = dict(type='WordDictionary', dict_file='lower_english_digits.txt', with_end=True,
                  with_unknown=True, unknown_token=None)


def build(length=12, **options):
    return RenderedWordDataset(length, **{'fonts': SANS, 'charset': 'alnum62', **options})


def text(info):
    return info['instances'][0]['text']


def epoch(dataset):
    return [dataset.get_data_info(i) for i in range(len(dataset))]


def test_words_differ_between_epochs_seeds_and_ranks_and_repeat(monkeypatch):
    dataset, twin = build(), build()
    first, second = epoch(dataset), epoch(dataset)
    for expected in (first, second):
        for a, b in zip(expected, epoch(twin)):
            assert text(a) == text(b) and a['img_path'] == b['img_path']
            np.testing.assert_array_equal(a['img'], b['img'])
    other = epoch(build(seed=1))
    monkeypatch.setattr(module, 'get_rank', lambda: 1)
    texts = [[text(i) for i in infos] for infos in (first, second, other, epoch(build()))]
    assert all(a != b for a, b in itertools.combinations(texts, 2))


def test_words_do_not_depend_on_workers_or_order():
    expected = [epoch(d) for d in [build()] for _ in range(2)]
    dataset = build()
    loader = DataLoader(dataset, batch_size=3, num_workers=2, collate_fn=list,
                        persistent_workers=True, multiprocessing_context='fork')
    for wanted in expected:
        found = [info for batch in loader for info in batch]
        assert [text(i) for i in found] == [text(i) for i in wanted]
        np.testing.assert_array_equal(found[5]['img'], wanted[5]['img'])
    backwards = build()
    assert [text(backwards.get_data_info(i)) for i in reversed(range(12))] == [
        text(i) for i in reversed(expected[0])]


def test_labels_fit_the_dictionary():
    dataset = build(40, charset='ascii94', difficulty='easy', dictionary=DICTIONARY,
                    max_seq_len=9, max_length=12, random_strings=0.8)
    infos = epoch(dataset)
    known = set('0123456789abcdefghijklmnopqrstuvwxyz')
    assert all(1 <= len(text(i)) <= 9 and set(text(i)) <= known for i in infos)
    changed = [i for i in infos if 'ori_text' in i]
    assert changed
    for info in changed:
        assert text(info) == ''.join(c for c in info['ori_text'].lower() if c in known)
    hopeless = build(charset='+-', dictionary=DICTIONARY, preset='contextless', difficulty='easy',
                     max_length=1)
    with pytest.raises(RuntimeError, match='has no known character'):
        hopeless[0]


def test_it_serves_a_training_pipeline():
    pipeline = [LoadWordImage(), dict(type='LoadOCRAnnotations', with_text=True),
                dict(type='Resize', scale=(128, 32), keep_ratio=False), PackGlyphInputs()]
    member = dict(type='RenderedWordDataset', length=4, fonts=[SANS], charset='alnum62',
                  with_masks=True, metainfo=dict(a=1))
    dataset = DATASETS.build(dict(type='ConcatDataset', datasets=[member, dict(member, length=3)],
                                  verify_meta=False, pipeline=pipeline))
    assert dataset.datasets[0].metainfo == dict(a=1) and dataset.cumulative_sizes == [4, 7]
    batch = next(iter(DataLoader(dataset, batch_size=7, collate_fn=pseudo_collate)))
    assert all(image.shape == (3, 32, 128) for image in batch['inputs'])
    for sample in batch['data_samples']:
        mask = sample.gt_text_mask.data
        assert mask.shape == (1, 32, 128) and 0 < mask.float().mean() < 0.9
        assert sample.gt_text.item


def test_counters_are_shared_with_workers_but_not_with_copies():
    dataset = build()
    dataset.get_data_info(0)
    twin = copy.deepcopy(dataset)
    twin.get_data_info(0)
    assert dataset.visits[0] == 1 and twin.visits[0] == 2
    sent = pickle.loads(pickle.dumps(dataset))
    assert sent.visits.is_shared() and text(sent.get_data_info(1)) == text(dataset.get_data_info(1))


def test_a_pipeline_without_a_result_gets_another_word():
    class Moody:
        seen = 0

        def __call__(self, info):
            self.seen += 1
            return None if self.seen % 3 else info

    dataset = build(pipeline=[Moody()])
    assert dataset[2]['sample_idx'] == 2 and dataset.visits[2] == 3
    with pytest.raises(RuntimeError, match='hundred rendered words'):
        build(pipeline=[lambda info: None])[0]


def test_indices_and_bad_options():
    dataset = build(3, lazy_init=True)
    assert not hasattr(dataset, 'renderer')
    assert dataset.get_data_info(-1)['sample_idx'] == 2
    for wrong in (3, -4):
        with pytest.raises(IndexError, match='out of range for 3 words'):
            dataset.get_data_info(wrong)
    for options, error, message in ((dict(length=0), ValueError, 'length must be positive'),
                                    (dict(preset='x'), ValueError, 'unknown preset'),
                                    (dict(fonts=['/nowhere']), FileNotFoundError, 'nowhere')):
        with pytest.raises(error, match=message):
            build(**options)

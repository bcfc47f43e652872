import numpy as np
import pytest
from mmengine.dataset import pseudo_collate
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader

from mmocr_siga.datasets import PackPairInputs, RenderedPairDataset
from mmocr_siga.rendering.fonts import bundled_font_dir

SANS = str(bundled_font_dir() / 'DejaVuSans.ttf')
DICTIONARY = dict(type='WordDictionary', dict_file='lower_english_digits.txt', with_end=True,
                  with_unknown=True, unknown_token=None)
IMAGES = ('img', 'img_pair', 'img_background')
MASKS = ('gt_seg_map', 'gt_seg_map_pair')


def build(length=6, **options):
    return RenderedPairDataset(length, **{'fonts': SANS, 'charset': 'alnum62', **options})


def labels(info):
    return info['instances'][0]['text'], info['instances_pair'][0]['text']


def test_a_pair_and_its_background():
    dataset = build(dictionary=DICTIONARY, preset='style_pairs_scene', max_seq_len=9)
    ids = set()
    for index in range(6):
        info = dataset.get_data_info(index)
        assert {info[name].shape for name in IMAGES} == {(*info['img_shape'], 3)}
        for name, mask in zip(IMAGES, MASKS):
            assert info[mask].shape == info['img_shape'] and set(np.unique(info[mask])) == {0, 1}
            assert (info[name] != info['img_background']).any()
        one, two = labels(info)
        assert one != two and (one, two) == tuple(t.lower() for t in info['drawn_texts'])
        assert all(1 <= len(label) <= 9 for label in (one, two))
        ids.add(info['style_id'])
    assert len(ids) == 6


def test_pairs_depend_on_seed_pass_and_index_only():
    pipeline = [PackPairInputs()]
    twin = build(pipeline=pipeline)
    wanted = [[twin[i] for i in range(6)] for _ in range(2)]
    loader = DataLoader(build(pipeline=pipeline), batch_size=2, num_workers=2, collate_fn=list,
                        persistent_workers=True, multiprocessing_context='fork')
    for expected in wanted:
        found = [sample for batch in loader for sample in batch]
        for a, b in zip(found, expected):
            np.testing.assert_array_equal(a['inputs'], b['inputs'])
            assert a['data_samples'].style_id == b['data_samples'].style_id
    texts = [[d['data_samples'].drawn_texts for d in row]
             for row in (*wanted, [build(seed=1, pipeline=pipeline)[i] for i in range(6)])]
    assert all(a != b for a, b in zip(texts, texts[1:]))


def test_it_serves_a_loader():
    dataset = DATASETS.build(dict(
        type='RenderedPairDataset', length=3, fonts=[SANS], charset='alnum62', layout='fit',
        dictionary=DICTIONARY, pipeline=[dict(type='PackPairInputs', size=(64, 16))]))
    batch = next(iter(DataLoader(dataset, batch_size=3, collate_fn=pseudo_collate)))
    for inputs, sample in zip(batch['inputs'], batch['data_samples']):
        assert inputs.shape == (3, 3, 16, 64)
        assert sample.gt_text_mask.data.shape == (2, 16, 64) and sample.gt_text_mask.data.any()
        assert sample.gt_text.item.upper() == sample.drawn_texts[0].upper()
        assert sample.gt_text_pair.item.upper() == sample.drawn_texts[1].upper()


def test_what_cannot_be_drawn_is_told(tmp_path):
    (tmp_path / 'one.txt').write_text('kiwi\n')
    lexicon = dict(lexicon=str(tmp_path / 'one.txt'), random_strings=0, punctuation=0)
    with pytest.raises(ValueError, match='found no 2 different words'):
        build(**lexicon)[0]
    with pytest.raises(RuntimeError, match='none of a hundred words in a row (?i:.*kiwi.* longer)'):
        build(dictionary=DICTIONARY, max_seq_len=3, **lexicon)[0]
    with pytest.raises(IndexError, match='out of range for 6 pairs'):
        build().get_data_info(6)

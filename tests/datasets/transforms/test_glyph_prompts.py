import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.datasets import PackPairInputs, RenderedPairDataset
from mmocr_siga.datasets.transforms import GlyphPrompts
from mmocr_siga.engine.hooks.skip_report_hook import counting_datasets
from mmocr_siga.rendering.fonts import bundled_font_dir
from tests.datasets.transforms.test_pack_pair_inputs import pair


def packed(texts=('Ab', 'g')):
    results = pair(32, 128, drawn_texts=texts)
    for name, place in (('gt_seg_map', np.s_[4:20, 8:60]), ('gt_seg_map_pair', np.s_[9:30, 40:99])):
        results[name][:] = 0
        results[name][place] = 1
    return PackPairInputs(size=None)(results)


def test_texts_as_they_were_drawn_fill_the_boxes_of_their_ink():
    prompts = GlyphPrompts()(packed())['data_samples'].gt_prompts.data
    assert prompts.shape == (2, 32, 128) and prompts.dtype == torch.uint8
    boxes = [cv2.boundingRect((drawing > 0).astype(np.uint8)) for drawing in prompts.numpy()]
    assert boxes == [(8, 4, 52, 16), (40, 9, 59, 21)]
    # Labels know small letters only, drawings both.
    small = GlyphPrompts()(packed(('ab', 'g')))['data_samples'].gt_prompts.data
    assert not torch.equal(small[0], prompts[0]) and torch.equal(small[1], prompts[1])


def test_an_empty_text_has_no_ink():
    results = packed(('Ab', ''))
    results['data_samples'].gt_text_mask.data[1] = False
    prompts = GlyphPrompts()(results)['data_samples'].gt_prompts.data
    assert prompts[0].any() and not prompts[1].any()


def test_it_comes_behind_packing():
    with pytest.raises(KeyError, match='put GlyphPrompts behind PackPairInputs'):
        GlyphPrompts()(pair())


def test_what_the_face_cannot_draw_is_replaced_and_counted():
    def first_time_unwritable(results):
        if 'pair 1 of round 0' in results['data_samples'].img_path:
            results['data_samples'].set_metainfo(dict(drawn_texts=('a', '\ue000')))
        return results

    dataset = RenderedPairDataset(
        3, fonts=str(bundled_font_dir() / 'DejaVuSans.ttf'), charset='alnum62',
        pipeline=[PackPairInputs(), first_time_unwritable, GlyphPrompts()])
    samples = [dataset[i]['data_samples'] for i in range(3)]
    assert all('gt_prompts' in sample for sample in samples)
    assert 'pair 1 of round 1' in samples[1].img_path
    assert dataset.skip_flags.bool().tolist() == [False, True, False]
    assert counting_datasets(dataset) == [dataset]
    assert dataset.describe(1) == 'rendered pairs, number 1'

import numpy as np
import pytest
import torch

from mmocr_siga.datasets import PackPairInputs


def pair(height=8, width=16, **changes):
    results = {name: np.zeros((height, width, 3), np.uint8)
               for name in ('img', 'img_pair', 'img_background')}
    results.update({name: np.zeros((height, width), np.uint8)
                    for name in ('gt_seg_map', 'gt_seg_map_pair')})
    results.update(instances=[dict(text='ab')], instances_pair=[dict(text='')],
                   drawn_texts=('Ab', ''), style_id=7, img_path='p', ori_shape=(height, width),
                   img_shape=(height, width))
    results['img'][2:6, 4:8] = (1, 20, 200)
    results['img_pair'][2:6, 8:12] = 200
    results['gt_seg_map'][2:6, 4:8] = 1
    results['gt_seg_map_pair'][2:6, 8:12] = 1
    return {**results, **changes}


def test_pictures_stay_as_they_are_without_a_size():
    packed = PackPairInputs(size=None)(pair())
    inputs, sample = packed['inputs'], packed['data_samples']
    assert inputs.shape == (3, 3, 8, 16) and inputs.dtype == torch.uint8
    assert inputs[0, :, 2, 4].tolist() == [1, 20, 200] and inputs[1, :, 5, 11].tolist() == [200] * 3
    assert not inputs[2].any()
    mask = sample.gt_text_mask.data
    assert mask.dtype == torch.bool
    assert torch.equal(mask, (inputs[:2] > 0).any(1))
    assert (sample.gt_text.item, sample.gt_text_pair.item) == ('ab', '')
    assert (sample.drawn_texts, sample.style_id, sample.img_path, sample.img_shape) == (
        ('Ab', ''), 7, 'p', (8, 16))


@pytest.mark.parametrize('size, rows, columns, later', [
    ((8, 4), slice(1, 3), slice(2, 4), slice(4, 6)),
    ((32, 16), slice(4, 12), slice(8, 16), slice(16, 24)),
    ((32, 8), slice(2, 6), slice(8, 16), slice(16, 24))])
def test_all_are_resized_alike(size, rows, columns, later):
    packed = PackPairInputs(size=size, interpolation='area')(pair())
    inputs, mask = packed['inputs'], packed['data_samples'].gt_text_mask.data
    for k, place in enumerate((columns, later)):
        expected = torch.zeros(size[::-1], dtype=torch.bool)
        expected[rows, place] = True
        assert torch.equal(mask[k], expected)
        assert (inputs[k].amax(0)[expected] > 90).all()
    assert packed['data_samples'].img_shape == size[::-1]
    assert inputs.shape == (3, 3, *size[::-1]) and not inputs[2].any()


def test_bad_results_and_options():
    with pytest.raises(ValueError, match=r'differ in size: \[\(8, 16\), \(9, 16\)\]'):
        PackPairInputs()(pair(img_pair=np.zeros((9, 16, 3), np.uint8)))
    with pytest.raises(KeyError, match='one word only'):
        PackPairInputs()(dict(img=np.zeros((8, 16, 3), np.uint8)))
    with pytest.raises(ValueError, match='size must be a width and a height'):
        PackPairInputs(size=(0, 4))
    assert "size=(128, 32)" in repr(PackPairInputs())

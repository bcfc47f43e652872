import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import PackGlyphInputs

IMAGE = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 3)


def results(mask=None, **more):
    return dict(img=IMAGE, img_path='a.png', ori_shape=(4, 9), img_shape=(2, 5),
                gt_texts=['word'], gt_seg_map=mask, **more)


def pack(mask=None, **more):
    packed = PackGlyphInputs()(results(mask, **more))
    return packed['inputs'], packed['data_samples']


def test_image_text_mask_and_meta_information():
    mask = np.zeros((2, 5), np.uint8)
    mask[1, 3] = 1
    image, sample = pack(mask, ori_text='Wo-rd')
    np.testing.assert_array_equal(image.permute(1, 2, 0), IMAGE)
    assert sample.gt_text_mask.data.dtype == torch.bool
    assert sample.gt_text_mask.data.shape == (1, 2, 5)
    assert sample.gt_text_mask.data.nonzero().tolist() == [[0, 1, 3]]
    assert sample.gt_text.item == 'word'
    assert sample.metainfo == dict(img_path='a.png', ori_shape=(4, 9), img_shape=(2, 5),
                                   valid_ratio=1, ori_text='Wo-rd')
    _, sample = pack()
    assert 'gt_text_mask' not in sample and 'ori_text' not in sample


@pytest.mark.parametrize('mask', [
    np.ones((2, 5), np.uint8), np.ones((2, 5), np.int64), np.ones((2, 5), bool),
    np.ones((2, 10), bool)[:, ::2]])
def test_ones_are_text_and_padding_is_background(mask):
    assert pack(mask)[1].gt_text_mask.data.all()
    pad = TRANSFORMS.build(dict(type='mmcv.Pad', size=(4, 6)))
    padded = pad(results(np.ones((2, 5), np.uint8)))
    mask = PackGlyphInputs()(padded)['data_samples'].gt_text_mask.data[0]
    assert mask[:2, :5].all() and mask.sum() == 10


def test_views_become_a_list_of_batches():
    views = [IMAGE + k for k in range(3)]
    many = dict(results(np.ones((2, 5), np.uint8)), img=views)
    batch = pseudo_collate([PackGlyphInputs()(dict(many)) for _ in range(2)])
    assert [len(images) for images in batch['inputs']] == [2, 2, 2]
    for view, images in zip(views, batch['inputs']):
        for image in images:
            np.testing.assert_array_equal(image.permute(1, 2, 0), view)
    assert all(s.gt_text_mask.data.all() and s.gt_text.item == 'word'
               for s in batch['data_samples'])
    # One view is still a list, and none an error.
    assert len(PackGlyphInputs()(dict(many, img=views[:1]))['inputs']) == 1
    with pytest.raises(ValueError, match='at least one view'):
        PackGlyphInputs()(dict(many, img=[]))


def test_no_label_and_a_mask_of_another_size():
    for labels in (dict(gt_texts=[]), {}):
        word = dict(img=IMAGE, img_path='a.png', ori_shape=(4, 9), img_shape=(2, 5), **labels)
        assert 'gt_text' not in PackGlyphInputs()(word)['data_samples']
    with pytest.raises(ValueError, match=r'\(4, 9\), its image \(2, 5\).*Resize.*TextMask, Random'):
        pack(np.zeros((4, 9), np.uint8))


def test_meta_keys():
    transform = TRANSFORMS.build(dict(type='PackGlyphInputs', meta_keys=['img_path']))
    assert transform(results())['data_samples'].metainfo == dict(img_path='a.png')
    with pytest.raises(KeyError, match='pad_shape'):
        PackGlyphInputs(meta_keys=['pad_shape'])(results())

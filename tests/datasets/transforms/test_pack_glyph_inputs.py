import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import PackGlyphInputs


def results(mask=None, **more):
    img = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 3)
    out = dict(
        img=img, img_path='a.png', ori_shape=(4, 9), img_shape=(2, 5), gt_texts=['word'], **more)
    if mask is not None:
        out['gt_seg_map'] = mask
    return out


def test_image_text_mask_and_meta_information():
    mask = np.zeros((2, 5), np.uint8)
    mask[1, 3] = 1
    packed = PackGlyphInputs()(results(mask))
    sample = packed['data_samples']
    assert packed['inputs'].shape == (3, 2, 5)
    assert packed['inputs'][2, 1, 3] == results()['img'][1, 3, 2]
    assert isinstance(sample.gt_text_mask, PixelData)
    assert sample.gt_text_mask.data.dtype == torch.bool
    assert sample.gt_text_mask.data.shape == (1, 2, 5)
    assert sample.gt_text_mask.data.nonzero().tolist() == [[0, 1, 3]]
    assert sample.gt_text.item == 'word'
    assert sample.metainfo == dict(
        img_path='a.png', ori_shape=(4, 9), img_shape=(2, 5), valid_ratio=1)


@pytest.mark.parametrize('mask', [
    np.ones((2, 5), np.uint8),
    np.ones((2, 5), np.int64),
    np.ones((2, 5), bool),
    np.ones((2, 10), bool)[:, ::2],
])
def test_ones_are_text(mask):
    assert PackGlyphInputs()(results(mask))['data_samples'].gt_text_mask.data.all()


def test_padding_is_background():
    pad = TRANSFORMS.build(dict(type='mmcv.Pad', size=(4, 6)))
    padded = pad(results(np.ones((2, 5), np.uint8)))
    mask = PackGlyphInputs()(padded)['data_samples'].gt_text_mask.data[0]
    assert mask[:2, :5].all() and mask.sum() == 10


def test_without_a_mask_nothing_is_added():
    sample = PackGlyphInputs()(results())['data_samples']
    assert 'gt_text_mask' not in sample
    assert sample.gt_text.item == 'word'


def test_views_become_a_list_of_batches():
    views = [results()['img'] + k for k in range(3)]
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


@pytest.mark.parametrize('unlabeled', [dict(gt_texts=[]), {}])
def test_a_word_without_a_label_has_no_text(unlabeled):
    word = {k: v for k, v in results().items() if k != 'gt_texts'}
    assert 'gt_text' not in PackGlyphInputs()(dict(word, **unlabeled))['data_samples']


def test_the_original_label_is_kept():
    sample = PackGlyphInputs()(results(ori_text='Wo-rd'))['data_samples']
    assert sample.ori_text == 'Wo-rd'


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError) as error:
        PackGlyphInputs()(results(np.zeros((4, 9), np.uint8)))
    message = str(error.value)
    assert '(4, 9)' in message and '(2, 5)' in message
    assert message.index('Resize') < message.index('TextMask, RandomTextDeterioration')


def test_a_missing_meta_key_is_named():
    with pytest.raises(KeyError, match='pad_shape'):
        PackGlyphInputs(meta_keys=['pad_shape'])(results())


def test_it_builds_from_a_config():
    transform = TRANSFORMS.build(dict(type='PackGlyphInputs', meta_keys=['img_path']))
    assert transform(results())['data_samples'].metainfo == dict(img_path='a.png')
    with pytest.raises(TypeError, match='metakeys'):
        TRANSFORMS.build(dict(type='PackGlyphInputs', metakeys=[]))

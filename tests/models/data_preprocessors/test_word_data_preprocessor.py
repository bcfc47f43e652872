"""The same as MMOCR's, at once."""
import copy

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from mmocr.models.textrecog.data_preprocessors import TextRecogDataPreprocessor
from mmocr.structures import TextRecogDataSample

from mmocr_siga.models import WordDataPreprocessor

COLOR = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])


def batch(sizes, channels=3):
    samples = []
    for height, width in sizes:
        sample = TextRecogDataSample()
        sample.set_metainfo(dict(img_shape=(height, width), valid_ratio=0.5))
        samples.append(sample)
    return dict(inputs=[torch.randint(0, 256, (channels, *size), dtype=torch.uint8)
                        for size in sizes], data_samples=samples)


@pytest.mark.parametrize('sizes', [
    [(8, 20)] * 3, [(8, 20), (8, 32)], [(5, 7)], [(9, 7), (4, 30), (9, 30)]])
@pytest.mark.parametrize('options, channels', [
    (dict(COLOR, bgr_to_rgb=True), 3), (dict(COLOR, pad_size_divisor=16, pad_value=2), 3),
    (dict(mean=[127], std=[127]), 1), (dict(mean=[127], std=[127], bgr_to_rgb=True), 3), ({}, 3)])
def test_as_mmocr(sizes, options, channels):
    data = batch(sizes, channels)
    expected = TextRecogDataPreprocessor(**options)(copy.deepcopy(data), True)
    found = WordDataPreprocessor(**options)(copy.deepcopy(data), True)
    assert torch.equal(found['inputs'], expected['inputs'])
    for ours, theirs in zip(found['data_samples'], expected['data_samples']):
        assert ours.metainfo == theirs.metainfo


def test_a_stacked_batch_and_samples_on_the_host():
    data = batch([(8, 20)] * 2)
    ours = WordDataPreprocessor(**COLOR)
    stacked = dict(inputs=torch.stack(data['inputs']), data_samples=None)
    assert torch.equal(ours(stacked)['inputs'], ours(data)['inputs'])
    for sample in data['data_samples']:
        sample.gt_text_mask = PixelData(data=torch.zeros(1, 8, 20, dtype=torch.bool))
    found = ours.to('meta')(data)  # stands for a device that is not the host
    assert found['inputs'].device.type == 'meta'
    assert all(s.gt_text_mask.data.device.type == 'cpu' for s in found['data_samples'])


def test_images_of_several_sizes_cross_over_in_one_copy(monkeypatch):
    copies = []
    monkeypatch.setattr(f'{WordDataPreprocessor.__module__}.to_device',
                        lambda tensor, device: copies.append(tensor) or tensor.to(device))
    found = WordDataPreprocessor(**COLOR)(batch([(8, 20), (6, 32), (8, 8)]))
    images, sizes = copies
    assert images.dtype == torch.uint8 and images.shape == found['inputs'].shape == (3, 3, 8, 32)
    assert sizes.tolist() == [[8, 20], [6, 32], [8, 8]]


def test_augmentations_of_the_batch():
    class Negative(torch.nn.Module):
        def forward(self, images, samples):
            return -images, samples[:1]

    ours = WordDataPreprocessor()
    ours.batch_augments = torch.nn.ModuleList([Negative()])
    data = batch([(8, 20)] * 2)
    found = ours(copy.deepcopy(data), training=True)
    assert torch.equal(found['inputs'], -torch.stack(data['inputs']).float())
    assert len(found['data_samples']) == 1
    assert torch.equal(ours(copy.deepcopy(data))['inputs'], -found['inputs'])


def test_views_of_words_without_labels():
    """Each view is what it is alone; collated by MMEngine, as a loader does."""
    sizes = [(8, 20), (8, 20), (6, 12)]
    words = [batch(sizes) for _ in range(2)]  # two words of three views
    ours = WordDataPreprocessor(**COLOR)
    found = ours(pseudo_collate([dict(inputs=word['inputs'], data_samples=word['data_samples'][0])
                                 for word in words]))
    assert [tuple(view.shape) for view in found['inputs']] == [(2, 3, *size) for size in sizes]
    for i, view in enumerate(found['inputs']):
        alone = ours(dict(inputs=[word['inputs'][i] for word in words], data_samples=None))
        assert torch.equal(view, alone['inputs'])
    assert found['data_samples'][0].batch_input_shape == (8, 20)
    with pytest.raises(ValueError, match='mean has 3 values, but the images have 1 channels'):
        ours(batch([(8, 20)], channels=1))
    with pytest.raises(ValueError, match='of a view differ in size'):
        ours(dict(inputs=[words[0]['inputs'], words[1]['inputs']], data_samples=None))
    ours.batch_augments = torch.nn.ModuleList()
    with pytest.raises(ValueError, match='one view'):
        ours(dict(inputs=[words[0]['inputs'][:2]] * 2, data_samples=None), training=True)

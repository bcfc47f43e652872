import pytest
import torch
from mmocr.models.textrecog.data_preprocessors import TextRecogDataPreprocessor

from mmocr_siga.models.pseudo_labels.functional import two_means_mask
from mmocr_siga.models.target_generators.text_masks import batch_text_masks, gray_images
from tests.helpers.words import sample


def gray_words(batch=2):
    gray = torch.full((batch, 32, 128), 20.)
    gray[:, 8:24, 30:60] = 200
    return gray


def test_masks_of_the_samples_are_stacked_and_padded():
    masks = [torch.rand(1, 32, 128) > 0.5, torch.rand(1, 32, 96) > 0.5]
    samples = [sample('a', mask=m) for m in masks]
    samples[1].set_metainfo(dict(img_shape=(32, 96)))
    got = batch_text_masks(samples, gray_words())
    assert got.dtype == torch.bool
    assert (got[0] == masks[0][0]).all() and (got[1, :, :96] == masks[1][0]).all()
    assert not got[1, :, 96:].any()


def test_without_masks_they_are_made_here():
    gray = gray_words(1)
    assert (batch_text_masks([sample('a')], gray) == two_means_mask(gray)).all()
    # Padding takes no part.
    padded = torch.nn.functional.pad(gray, (0, 128), value=255.)
    got = batch_text_masks([sample('a', valid_ratio=0.5)], padded)
    assert (got[..., :128] == two_means_mask(gray)).all() and not got[..., 128:].any()


def test_masks_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r'\(16, 64\).*\(32, 128\).*geometric'):
        batch_text_masks([sample('a', mask=torch.zeros(1, 16, 64) > 0)], gray_words(1))
    samples = [sample('a'), sample('b', mask=torch.zeros(1, 32, 128) > 0)]
    with pytest.raises(ValueError, match='1 of 2 samples'):
        batch_text_masks(samples, gray_words())


def test_masks_follow_a_rectified_image():
    """By its grid, which is over the padded batch and gives another size here."""
    mask = torch.zeros(1, 32, 96, dtype=torch.bool)
    mask[0, :, :48] = True
    given = sample('a', mask=mask)
    given.set_metainfo(dict(img_shape=(32, 96), batch_input_shape=(32, 128)))
    x, y = torch.meshgrid(torch.linspace(1, -1, 64), torch.linspace(-1, 1, 16), indexing='xy')
    mirrored = torch.stack([x, y], -1)[None]
    got = batch_text_masks([given], torch.zeros(1, 16, 64), mirrored)
    # 48 of the 128 columns were text, at the left; now it is the last 24 of 64.
    assert got.shape == (1, 16, 64)
    assert not got[..., :40].any() and got[..., 40:].all()


@pytest.mark.parametrize('bgr_to_rgb', [True, False])
def test_gray_undoes_the_normalization(bgr_to_rgb):
    preprocessor = TextRecogDataPreprocessor(mean=[127, 120, 110], std=[64, 60, 50],
                                             bgr_to_rgb=bgr_to_rgb)
    images = torch.randint(0, 256, (2, 3, 8, 12), dtype=torch.uint8)  # BGR
    data = preprocessor(dict(inputs=list(images), data_samples=[sample('a'), sample('b')]))
    bgr = images.double()
    want = 0.114 * bgr[:, 0] + 0.587 * bgr[:, 1] + 0.299 * bgr[:, 2]
    torch.testing.assert_close(gray_images(data['inputs'], preprocessor), want.float(), atol=1e-3,
                               rtol=0)
    one = torch.rand(1, 1, 4, 4) * 255  # without normalization or color
    torch.testing.assert_close(gray_images(one, TextRecogDataPreprocessor()), one[:, 0])

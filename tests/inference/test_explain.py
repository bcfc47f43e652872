import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_siga.apis import explain
from mmocr_siga.visualization import draw_reading
from tests.helpers.words import tiny_model

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='EnsureBGR'),
    dict(type='Resize', scale=(128, 32), keep_ratio=False),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PackTextRecogInputs', meta_keys=('img_path', 'ori_shape', 'img_shape',
                                                'valid_ratio')),
]


def build(**changes):
    torch.manual_seed(0)
    model = MODELS.build(tiny_model(**changes)).eval()
    model.cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=PIPELINE))))
    return model


@pytest.fixture
def picture():
    image = np.full((40, 90, 3), 220, np.uint8)
    cv2.putText(image, 'Abc', (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (20, 20, 60), 3)
    return image


def test_evidence_fits_the_reading(picture):
    model = build()
    with torch.no_grad():
        model.decoder.reader.classifier.bias[36] -= 100  # words do not end
    got = explain(model, picture)
    assert len(got['text']) == len(got['scores']) == 8
    assert all(0 <= score <= 1 for score in got['scores'])
    assert got['text_mask'].shape == (32, 128) and got['text_mask'].dtype == bool
    assert got['attention'].shape == (8, 32)
    np.testing.assert_allclose(got['attention'].sum(1), 1, rtol=1e-5)
    assert {k: v.shape for k, v in got['glyph_maps'].items()} == dict(
        coarse=(8, 8, 32), fine=(8, 16, 64))
    assert draw_reading(picture, **got).ndim == 3


def test_the_reading_is_that_of_predict(picture, tmp_path):
    model = build()
    path = str(tmp_path / 'word.png')
    cv2.imwrite(path, picture)
    got = explain(model, path)
    assert got['text'] == explain(model, picture)['text']
    resized = torch.from_numpy(cv2.resize(picture, (128, 32))).permute(2, 0, 1)
    from mmocr.structures import TextRecogDataSample
    sample = TextRecogDataSample()
    sample.set_metainfo(dict(img_shape=(32, 128), valid_ratio=1))
    data = model.data_preprocessor(dict(inputs=[resized], data_samples=[sample]), False)
    assert model.predict(**data)[0].pred_text.item == got['text']


def test_a_model_without_head_still_explains(picture):
    got = explain(build(glyph_head=None), picture)
    # The first decoder's own attention.
    assert got['attention'].shape == (len(got['text']), 32)
    # The letters are dark on a bright ground, and that is what 2-means finds.
    dark = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (128, 32)) < 100
    assert (got['text_mask'] == dark).mean() > 0.95


def test_a_model_without_config_is_told(picture):
    model = build()
    del model.cfg
    with pytest.raises(ValueError, match='set model.cfg'):
        explain(model, picture)


def test_maps_of_a_straightened_word_lie_over_the_straightened_picture(picture):
    model = build(preprocessor=dict(type='TPSRectifier', output_size=(32, 128)))
    got = explain(model, picture)
    # A new rectifier changes next to nothing.
    want = cv2.resize(picture, (128, 32))
    assert got['rectified'].shape == want.shape and got['rectified'].dtype == np.uint8
    assert np.abs(got['rectified'].astype(int) - want).mean() < 6
    # Red and blue have not changed places.
    assert (got['rectified'][..., 2].astype(int) - got['rectified'][..., 0]).max() > 20
    assert draw_reading(picture, **got).shape == draw_reading(want, **{
        k: v for k, v in got.items() if k != 'rectified'}).shape
    assert 'rectified' not in explain(build(), picture)

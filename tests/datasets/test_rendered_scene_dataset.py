import numpy as np
from mmengine.dataset import Compose
from mmocr.registry import DATASETS

from mmocr_siga.rendering.fonts import bundled_font_dir

SANS = str(bundled_font_dir() / 'DejaVuSans.ttf')
OPTIONS = dict(type='RenderedSceneDataset', length=3, size=(96, 64), signs=(1, 3),
               cap_height=(8, 12), difficulty='easy', fonts=SANS)
PIPELINE = [
    dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True,
         with_text=True),
    dict(type='RandomSceneWindow', size=(64, 64)), dict(type='TextPrompt'),
    dict(type='DestyledLabel'), dict(type='PackODMInputs')]


def test_scenes_are_samples_of_a_spotter_and_go_through_the_pipeline():
    dataset = DATASETS.build(OPTIONS)
    first, other = dataset.get_data_info(1), dataset.get_data_info(1)
    assert first['img'].shape == (64, 96, 3) and first['height'] == 64
    assert (first['img'] != other['img']).any()  # the next round
    again = DATASETS.build(OPTIONS).get_data_info(1)
    np.testing.assert_array_equal(again['img'], first['img'])
    assert again['instances'] == first['instances']
    for word in first['instances']:
        points = np.reshape(word['polygon'], (-1, 2))
        np.testing.assert_allclose(word['bbox'], [*points.min(0), *points.max(0)])
        assert word['text'] and not word['ignore']
    np.random.seed(0)
    data = Compose(PIPELINE)(first)
    assert data['inputs'].shape == (3, 64, 64)
    assert data['data_samples'].gt_plain.seg.shape == (1, 64, 64)

"""MMOCR's own inferencer, unchanged, with the recognizers of this package behind a detector.

Ground truth stands in for the detector: a model that is built, loaded and called as one, with the
data pipeline of DBNet's config.
"""
import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from mmocr.apis import MMOCRInferencer, TextRecInferencer
from mmocr.registry import MODELS
from mmocr.utils import bbox2poly, crop_img, poly2bbox

from mmocr_siga.images import UnusableImageError
from tests.conftest import REPO
from tests.helpers.mmocr_models import mmocr_config

DBNET = 'dbnet_resnet18_fpnc_1200e_icdar2015'
# A straight word, a tilted one and one that runs downwards, from the upper left corner clockwise.
STRAIGHT = [20, 10, 120, 10, 120, 40, 20, 40]
TILTED = [160, 80, 230, 10, 250, 30, 180, 100]
DOWNWARDS = [300, 10, 300, 150, 270, 150, 270, 10]
POLYGONS = [STRAIGHT, TILTED, DOWNWARDS]


@MODELS.register_module()
class GivenPolygons(BaseModel):
    """Finds what it was told to find."""

    def __init__(self, found, data_preprocessor=None):
        super().__init__(data_preprocessor)
        self.found = found
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, inputs, data_samples=None, mode='tensor'):
        for sample in data_samples:
            sample.pred_instances = InstanceData(
                polygons=[np.array(p, np.float32) for p in self.found],
                scores=torch.ones(len(self.found)))
        return data_samples


def detector(tmp_path, found):
    """Path of DBNet's config with another model."""
    base = mmocr_config('../textdet/dbnet/' + DBNET + '.py').resolve()
    path = tmp_path / 'detector.py'
    path.write_text(f"_base_ = [{str(base)!r}]\n"
                    f"model = dict(_delete_=True, type='GivenPolygons', found={found!r}, "
                    'data_preprocessor=_base_.model.data_preprocessor)\n')
    return str(path)


def recognizer(name, tmp_path):
    """Config and new weights of a recognizer."""
    torch.manual_seed(0)
    path = str(REPO / 'configs' / f'{name}.py')
    model = MODELS.build(Config.fromfile(path).model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / f'{name}.pth')
    return dict(rec=path, rec_weights=str(tmp_path / f'{name}.pth'))


@pytest.fixture
def scene(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 80, 3), np.uint8)
    image = cv2.resize(image, (320, 160))
    cv2.imwrite(str(tmp_path / 'scene.png'), image)
    return image


@pytest.mark.parametrize('name', ['siga_tiny', 'siga_p_tiny', 'srn_tiny'])
def test_words_of_a_scene(name, scene, tmp_path):
    rec = recognizer(name, tmp_path)
    ocr = MMOCRInferencer(det=detector(tmp_path, POLYGONS), **rec, device='cpu')
    out = ocr(str(tmp_path / 'scene.png'), rec_batch_size=3, return_vis=True)
    found = out['predictions'][0]
    assert found['det_polygons'] == [[float(v) for v in polygon] for polygon in POLYGONS]
    alone = TextRecInferencer(rec['rec'], rec['rec_weights'], device='cpu')
    crops = [crop_img(scene, bbox2poly(poly2bbox(polygon)).tolist()) for polygon in POLYGONS]
    want = [alone(np.ascontiguousarray(crop))['predictions'][0] for crop in crops]
    assert found['rec_texts'] == [word['text'] for word in want]
    np.testing.assert_allclose(found['rec_scores'], [word['scores'] for word in want], atol=1e-4)
    # The scene and what was read, side by side.
    assert out['visualization'][0].shape == (160, 640, 3)
    assert type(ocr.textrec_inferencer.visualizer).__name__ == 'GlyphVisualizer'
    sheet, = alone(scene, return_vis=True)['visualization']
    assert sheet.shape[1] > 900 and (sheet == 255).mean() > 0.4


def test_a_scene_without_words_and_a_box_outside_of_it(scene, tmp_path):
    outside, rec = [400, 10, 500, 10, 500, 40, 400, 40], recognizer('srn_tiny', tmp_path)
    ocr = MMOCRInferencer(det=detector(tmp_path, []), **rec, device='cpu')
    found = ocr(str(tmp_path / 'scene.png'))['predictions'][0]
    assert found['rec_texts'] == found['rec_scores'] == found['det_polygons'] == []
    ocr = MMOCRInferencer(det=detector(tmp_path, [STRAIGHT, outside]), **rec, device='cpu')
    with pytest.raises(UnusableImageError, match='it has no pixels'):
        ocr(str(tmp_path / 'scene.png'))

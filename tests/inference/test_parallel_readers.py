"""SIGA-P and SRN behind MMOCR's inferencers, and in the explanations."""
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.apis import MMOCRInferencer, TextRecInferencer
from mmocr.registry import MODELS

from mmocr_siga.apis import explain

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


@pytest.fixture
def picture():
    image = np.full((40, 90, 3), 220, np.uint8)
    cv2.putText(image, 'Abc', (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (20, 20, 60), 3)
    return image


@pytest.mark.parametrize('name', ['siga_p_tiny', 'srn_tiny'])
def test_inferencers_read_as_the_model_does(name, picture, tmp_path):
    torch.manual_seed(0)
    path = str(CONFIGS / f'{name}.py')
    weights = str(tmp_path / 'weights.pth')
    model = MODELS.build(Config.fromfile(path).model).eval()
    torch.save(dict(state_dict=model.state_dict(), meta={}), weights)
    read = TextRecInferencer(path, weights=weights, device='cpu')
    three = read([picture, picture[:, :50], picture], batch_size=3)['predictions']
    one = read(picture)['predictions']
    assert three[0]['text'] == three[2]['text'] == one[0]['text']
    assert three[0]['scores'] == pytest.approx(one[0]['scores'], abs=1e-4)
    both = MMOCRInferencer(rec=path, rec_weights=weights, device='cpu')(picture)
    assert both['predictions'][0]['rec_texts'] == [one[0]['text']]


def test_siga_p_is_explained(picture):
    torch.manual_seed(0)
    cfg = Config.fromfile(CONFIGS / 'siga_p_tiny.py')
    model = MODELS.build(cfg.model).eval()
    model.cfg = cfg
    with torch.no_grad():
        model.decoder.classifier[-1].bias[36] -= 100  # words do not end
    got = explain(model, picture)
    assert len(got['text']) == len(got['scores']) == 26
    assert got['attention'].shape == (26, 32) and got['glyph_maps']['fine'].shape == (26, 16, 64)

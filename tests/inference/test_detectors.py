import cv2
import numpy as np
import pytest
from mmocr.apis import MMOCRInferencer

from mmocr_siga.inference.detectors import DEFAULT_DETECTOR, MMOCRDetector, found_by
from mmocr_siga.inference.tiled_detector import Found


@pytest.mark.parametrize('result, expected', [
    ([[0, 0, 1, 0, 1, 1]], Found([[0, 0, 1, 0, 1, 1]])),
    (([[0, 0, 1, 0, 1, 1]], np.array([.5])), Found([[0, 0, 1, 0, 1, 1]], [.5])),
    (Found([], [], 'how'), Found([], [], 'how'))])
def test_what_detectors_may_return(result, expected):
    assert found_by(lambda image: result, None) == expected


def test_a_missing_packaged_detector(tmp_path, monkeypatch):
    monkeypatch.setattr('mmocr_siga.inference.packaged.WEIGHTS_FOLDER', tmp_path)
    with pytest.raises(FileNotFoundError, match=f'{DEFAULT_DETECTOR}.*pack_weights.py'):
        MMOCRDetector(DEFAULT_DETECTOR)


@pytest.fixture(scope='module')
def packaged():
    return MMOCRDetector(DEFAULT_DETECTOR, device='cpu')


def test_mmocrs_inferencer_knows_it_by_name(packaged):
    picture = np.full((90, 160, 3), 200, np.uint8)
    cv2.putText(picture, 'word', (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (40, 0, 0), 3)
    found, = MMOCRInferencer(det=DEFAULT_DETECTOR, device='cpu')(picture)['predictions']
    expected = packaged(picture)
    assert len(expected.polygons) == 1 and found['det_scores'] == pytest.approx(expected.scores)
    assert np.allclose(found['det_polygons'], expected.polygons)


@pytest.mark.parametrize('size, parts', [((1, 1), 1), ((1, 300), 1), ((300, 9), 5), ((31, 33), 1)])
def test_tiny_pictures(packaged, size, parts):
    found = packaged(np.full((*size, 3), 90, np.uint8))
    assert found.polygons == [] and (found.note or 'in 1 parts').endswith(f'in {parts} parts')


def test_a_large_picture_is_reduced(packaged):
    picture = np.full((1500, 4200, 3), 200, np.uint8)
    cv2.putText(picture, 'LARGE', (1500, 900), cv2.FONT_HERSHEY_SIMPLEX, 12, (20, 0, 50), 40)
    found = packaged(picture)
    assert found.note == 'words were looked for in the picture reduced to 2000 x 714 pixels'
    polygon, = found.polygons
    (left, top), (right, bottom) = (f(polygon.reshape(-1, 2), axis=0) for f in (np.min, np.max))
    assert 1400 < left < 1600 and 550 < top < 700 and 850 < bottom < 1050 and right > 2500

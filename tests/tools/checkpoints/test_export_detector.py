"""tools/checkpoints/export_detector.py, and finding words with what it writes."""
import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.apis import ONNXDetector, SceneInferencer, WordResult, export_detector
from mmocr_siga.inference.detectors import DEFAULT_DETECTOR, MMOCRDetector
from tests.conftest import REPO
from tests.helpers.ending import ended
from tools.checkpoints import export_detector as tool

pytest.importorskip('onnx', reason='onnx is not installed')
pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')


@pytest.fixture(scope='module')
def detectors(tmp_path_factory):
    """The packaged detector, and an ONNX file of it, where small pictures stay small."""
    path = tmp_path_factory.mktemp('detector') / 'det.onnx'
    assert tool.main([DEFAULT_DETECTOR, str(path)]) == 0
    ours, theirs = ONNXDetector(path, threads=1), MMOCRDetector(DEFAULT_DETECTOR, device='cpu')
    for fit in (ours.resize, theirs.inferencer.pipeline.transforms[1]):
        assert (fit.scale, fit.enlarge_only, fit.max_factor) == ((2000, 960), True, 1.5)
        fit.scale = (256, 96)
    assert ours.metadata['reductions'] == [2, 4]
    return ours, theirs


def written(height, width):
    """Words on a noisy ground, some cut off."""
    rng = np.random.default_rng(height)
    picture = rng.integers(120, 256, (height, width, 3), dtype=np.uint8)
    for x, y in ((10, 26), (width // 2, height - 12)):
        cv2.putText(picture, 'word', (x, y), cv2.FONT_HERSHEY_SIMPLEX, .8, (30, 0, 60), 2)
    return picture


@pytest.mark.parametrize('size', [(96, 160), (32, 32), (64, 352), (100, 70), (90, 250)])
def test_probabilities_are_those_of_torch(detectors, size):
    ours, theirs = detectors
    image, model = written(*size), theirs.inferencer.model
    _, batch = next(iter(theirs.inferencer.preprocess([image], 1)))
    with torch.no_grad():
        expected = model(model.data_preprocessor(batch, False)['inputs'], mode='tensor').numpy()
    picture, _ = ours.prepared(image)
    got = ours.text_map(picture)
    assert got.shape == expected.shape == picture.shape[:3]
    assert not any(side % 32 for side in got.shape[1:])
    assert expected.max() > .3 and expected.min() < .1
    np.testing.assert_allclose(got, expected, atol=1e-4)


def test_several_pictures_at_once(detectors):
    ours, _ = detectors
    pictures = np.stack([written(96, 160), written(96, 160)[::-1]]).astype(np.float32)
    alone = np.concatenate([ours.text_map(picture[None]) for picture in pictures])
    np.testing.assert_allclose(ours.text_map(pictures), alone, atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > .5


def test_the_same_words_are_found(detectors):
    image = written(96, 200)
    got, expected = (detector(image) for detector in detectors)
    assert len(expected.polygons) == len(got.polygons) == 2
    np.testing.assert_allclose(got.polygons, expected.polygons, atol=.5)
    np.testing.assert_allclose(got.scores, expected.scores, atol=1e-3)


def test_words_that_fill_the_picture_are_found_in_smaller_copies(detectors, monkeypatch):
    image = np.full((640, 1280, 3), 215, np.uint8)
    cv2.putText(image, 'SALE', (40, 500), cv2.FONT_HERSHEY_SIMPLEX, 14, (20, 20, 120), 30)
    fits = detectors[0].resize, detectors[1].inferencer.pipeline.transforms[1]
    for fit in fits:
        monkeypatch.setattr(fit, 'scale', (1280, 96))
    got, expected = (detector(image) for detector in detectors)
    assert len(got.polygons) == len(expected.polygons) == 1
    np.testing.assert_allclose(got.polygons, expected.polygons, atol=2)
    assert np.ptp(got.polygons[0][::2]) > 950 and np.ptp(got.polygons[0][1::2]) > 250


def test_it_takes_the_place_of_a_detector(detectors):
    spot = SceneInferencer(det=detectors[0].path, rec=Parrot())
    assert isinstance(spot.detector, ONNXDetector)
    spot.detector.resize.scale = (256, 96)
    scene, = spot(written(96, 200))
    assert [word.text for word in scene.words] == ['x', 'x']


class Parrot:
    """Reads an x everywhere."""

    def iter_read(self, inputs, **options):
        return (WordResult(None, 'x', 1., [1.]) for _ in inputs)


def test_what_cannot_be_exported(tmp_path, capsys):
    config = str(REPO / 'configs/textdet/dbnet_lcnetv4.py')
    assert ended(tool.main, [config, str(tmp_path / 'x.onnx')]) == 2
    assert 'needs det_weights' in capsys.readouterr().err
    with pytest.raises(TypeError, match='Linear cannot be exported'):
        export_detector(torch.nn.Linear(1, 1), tmp_path / 'x.onnx')
    model = MMOCRDetector(DEFAULT_DETECTOR, device='cpu').inferencer.model
    pipeline = model.cfg.test_dataloader.dataset.pipeline
    pipeline[:] = [dict(type='Resize', scale=(64, 64)) if step['type'] == 'FitScene' else step
                   for step in pipeline]
    with pytest.raises(ValueError, match='must resize by FitScene alone'):
        export_detector(model, tmp_path / 'x.onnx')
    assert not list(tmp_path.iterdir())
    (tmp_path / 'no.onnx').write_bytes(b'no graph')
    with pytest.raises(ValueError, match='not an ONNX file'):
        ONNXDetector(tmp_path / 'no.onnx')

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmocr.models.textdet.detectors import DBNet
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample

from mmocr_siga.geometry.levels import Level, merge_levels
from mmocr_siga.inference.packaged import find_packaged
from mmocr_siga.models.detectors.multi_scale_dbnet import reduced
from mmocr_siga.models.utils.weights import load_weights


@pytest.fixture(scope='module')
def detector():
    packaged = find_packaged('dbnet_words')
    model = MODELS.build(Config.fromfile(str(packaged.config)).model)
    load_weights(model, packaged.weights)
    return model.eval()


def picture(scale=14, text='SALE'):
    """A small word, and one of letters that are 22 pixels high by the scale."""
    image = np.full((640, 1280, 3), 215, np.uint8)
    cv2.putText(image, 'small', (40, 600), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (40, 0, 0), 3)
    cv2.putText(image, text, (40, 500), cv2.FONT_HERSHEY_SIMPLEX, scale, (20, 20, 120), 30)
    return image


def samples(count, factor=1.0):
    return [TextDetDataSample(metainfo=dict(scale_factor=(factor, factor)))
            for _ in range(count)]


def inputs(*images):
    pictures = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    return (pictures - 127.5) / 127.5


@torch.no_grad()
def found(model, *images, factor=1.0, kind=None):
    out = (kind or type(model)).predict(model, inputs(*images), samples(len(images), factor))
    return [sorted(zip((tuple(np.round(p, 1)) for p in sample.pred_instances.polygons),
                       sample.pred_instances.scores.tolist())) for sample in out]


def spans(regions):
    return sorted(tuple(np.ptp(np.reshape(polygon, (-1, 2)), 0).round(-1))
                  for polygon, _ in regions)


def test_a_word_that_fills_the_picture_is_found_whole(detector):
    once, = found(detector, picture(), kind=DBNet)
    regions, = found(detector, picture())
    # The small word is found as at one size, at which the other is not seen.
    assert len(once) == 1 and once[0] in regions and len(regions) == 2
    wide, high = max(spans(regions))
    assert 950 <= wide <= 1100 and 250 <= high <= 350


def test_it_is_what_is_found_in_smaller_pictures(detector):
    image, levels = picture(), []
    for reduction in (1, 2, 4):
        small = cv2.resize(image, None, fx=1 / reduction, fy=1 / reduction,
                           interpolation=cv2.INTER_AREA)
        part, = found(detector, small, factor=1.5 / reduction, kind=DBNet)
        levels.append(Level([np.array(p) for p, _ in part], [s for _, s in part], 1.5 / reduction))
    polygons, scores = merge_levels(levels)
    got, = found(detector, image, factor=1.5)
    assert len(got) == len(polygons) >= 2
    for (polygon, score), other, expected in zip(
            got, sorted(map(tuple, polygons)), [s for _, s in sorted(zip(map(tuple, polygons),
                                                                         scores))]):
        assert polygon == pytest.approx(other, abs=4) and score == pytest.approx(expected, abs=.02)


def test_pictures_of_a_batch_do_not_know_of_each_other(detector):
    images = picture(), np.full((640, 1280, 3), 90, np.uint8), picture(3, 'HELLO')
    together = found(detector, *images)
    assert [len(each) for each in together][1] == 0
    for image, each in zip(images, together):
        assert spans(found(detector, image)[0]) == spans(each)


def test_small_pictures_are_looked_at_once(detector, monkeypatch):
    sizes = []
    monkeypatch.setattr(DBNet, 'predict', lambda self, pictures, given: sizes.append(
        tuple(pictures.shape[2:])) or [_nothing(sample) for sample in given])
    for size in ((96, 96), (96, 160), (512, 288)):
        detector.predict(torch.zeros(1, 3, *size), samples(1))
    assert sizes == [(96, 96), (96, 160), (64, 96), (512, 288), (256, 160), (128, 96)]


def _nothing(sample):
    sample.pred_instances = InstanceData(polygons=[], scores=torch.zeros(0))
    return sample


def test_copies_are_means_with_a_border_of_zeros():
    pictures = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    small = reduced(pictures, 4)
    assert small.shape == (2, 3, 32, 32)
    assert torch.allclose(small[1, 2, 5, 7], pictures[1, 2, 20:24, 28:32].mean())
    assert not small[..., 16:, :].any() and not small[..., 24:].any()


@pytest.mark.parametrize('reductions', [(3, ), (1, ), (2, 64)])
def test_reductions_that_do_not_divide(reductions):
    model = Config.fromfile(str(find_packaged('dbnet_words').config)).model
    with pytest.raises(ValueError, match='divisors of 32'):
        MODELS.build(dict(model, reductions=reductions))

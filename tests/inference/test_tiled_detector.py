import math

import cv2
import numpy as np
import pytest
from mmengine.structures import InstanceData
from mmocr.structures import TextDetDataSample

from mmocr_siga.apis import SceneInferencer
from mmocr_siga.inference.tiled_detector import TiledDetector, tiles


@pytest.mark.parametrize('size', [(1, 1), (128, 10), (640, 480), (400, 100), (32, 128),
                                  (100_000_000, 1), (7, 7_777)])
def test_usual_pictures_are_looked_at_as_a_whole(size):
    assert tiles(*size) == [(0, 0, *size, -math.inf, math.inf)]


@pytest.mark.parametrize('size, count', [
    ((401, 100), 2), ((20_000, 500), 20), ((500, 20_000), 20), ((500, 20), 8),
    ((10_000_000, 8), 64), ((10, 7_777), 64)])
def test_long_pictures_fall_into_parts(size, count):
    parts = tiles(*size)
    length, side = max(size), max(min(size), 32)
    across = size[0] < size[1]
    assert len(parts) == count
    spans = [(part[across], part[2 + across]) for part in parts]
    assert all(part[1 - across] == 0 and part[3 - across] == min(size) for part in parts)
    assert spans[0][0] == 0 and spans[-1][1] == length
    for (_, end), (begin, _) in zip(spans, spans[1:]):
        assert side <= end - begin <= side + 2
    assert count == 64 or all(end - begin <= 3 * side + 2 for begin, end in spans)
    # Each place belongs to one part, and lies half an overlap inside of it.
    assert (parts[0].begin, parts[-1].end) == (-math.inf, math.inf)
    for one, other in zip(parts, parts[1:]):
        assert one.end == other.begin
        assert other[across] + side / 2 - 2 <= one.end <= one[2 + across] - side / 2 + 2


class Boxes(TiledDetector):
    """Finds bright boxes, in a picture that it reduces to a width of 200."""

    def __init__(self):
        self.sizes = []

    def sample(self, image):
        self.sizes.append(image.shape[1::-1])
        factor = min(1, 200 / image.shape[1])
        found = InstanceData()
        contours, _ = cv2.findContours(image[..., 0], cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        boxes = [cv2.boundingRect(contour) for contour in contours]
        found.polygons = [np.array([x, y, x + w, y, x + w, y + h, x, y + h], float)
                          for x, y, w, h in boxes]
        found.scores = np.linspace(.5, .9, len(boxes))
        size = tuple(round(side * factor) for side in image.shape[:2])
        return TextDetDataSample(pred_instances=found, metainfo=dict(
            img_shape=size, scale_factor=(factor, factor)))


@pytest.mark.parametrize('upright', [False, True])
def test_words_of_a_panorama_are_found_once(upright):
    picture = np.zeros((60, 3000, 3), np.uint8)
    boxes = [(x, 5 + x % 7, x + 40, 30 + x % 7) for x in range(3, 2950, 57)]
    for left, top, right, bottom in boxes:
        picture[top:bottom, left:right] = 255
    if upright:
        picture, boxes = picture.transpose(1, 0, 2), [(t, le, b, r) for le, t, r, b in boxes]
    detector = Boxes()
    found = detector(picture)
    assert len(detector.sizes) == 25 and max(map(max, detector.sizes)) <= 182
    outlines = np.reshape(found.polygons, (-1, 4, 2))
    got = [(*points.min(0), *points.max(0)) for points in outlines]
    assert sorted(got) == sorted(boxes) and len(found.scores) == len(boxes)
    assert found.note == 'words were looked for in the picture in 25 parts'


@pytest.mark.parametrize('width, note', [
    (400, None), (402, 'words were looked for in the picture reduced to 200 x 100 pixels')])
def test_what_is_much_reduced_says_so(width, note):
    scene, = SceneInferencer(Boxes(), rec=Silent())(np.zeros((201, width, 3), np.uint8))
    assert scene.note == note and scene.words == [] and scene.error is None
    assert ('note' in scene.to_dict()) == (note is not None)


class Silent:
    """A reader of nothing."""

    def iter_read(self, inputs, batch_size=32, return_char_boxes=True):
        assert not list(inputs)
        return iter(())

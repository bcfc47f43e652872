from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmocr_siga.rendering.layout import Warp, lay_out, place_line
from mmocr_siga.rendering.plain import plain_face
from mmocr_siga.rendering.recipes import build_renderer
from mmocr_siga.rendering.scenes import SceneRenderer, _outline


@pytest.fixture(scope='module')
def scenes():
    words, _ = build_renderer(style='easy', fonts=[plain_face().path], seed=5)
    return SceneRenderer(words, (160, 128), signs=(2, 4), cap_height=(9, 16))


def test_scenes_repeat_and_words_lie_within(scenes):
    drawn = [scenes(i) for i in range(4)]
    again = scenes(2)
    np.testing.assert_array_equal(again.image, drawn[2].image)
    assert again.texts == drawn[2].texts and sum(len(s.texts) for s in drawn) >= 6
    for scene in drawn:
        assert scene.image.shape == (128, 160, 3) and scene.image.dtype == np.uint8
        assert len(scene.texts) == len(scene.polygons)
        for polygon in scene.polygons:
            assert (polygon >= 0).all() and (polygon <= [160, 128]).all()
            # Clockwise from the upper left corner.
            assert cv2.contourArea(polygon.astype(np.float32), oriented=True) > 0


@pytest.mark.parametrize('warp', [
    Warp(), Warp(angle=.3, shear=.2, stretch=.8), Warp(angle=-.2, perspective=(.25, .1))])
def test_polygons_are_exact(scenes, warp):
    """The ink of each word stays within its polygon and touches all sides of it."""
    sign, _ = scenes._sign(np.random.default_rng(4))
    placement = place_line(sign.line, warp, 1.0)
    labels = cv2.remap(sign.line.labels, *placement.sources(), cv2.INTER_NEAREST)
    assert len(sign.texts) >= 2
    for number, box in enumerate(sign.boxes, 1):
        y, x = np.nonzero(labels == number)
        middles = np.stack([x, y], 1) + .5
        corners = _outline(box, placement)
        sides = np.roll(corners, -1, 0) - corners
        normals = np.stack([-sides[:, 1], sides[:, 0]], 1) / np.hypot(*sides.T)[:, None]
        # Distances of pixels to the sides, inwards.
        inside = ((middles[:, None] - corners) * normals).sum(2)
        assert inside.min() > -1
        assert (inside.min(0) < 1.6).all()


def test_an_arc_carries_its_polygon_along(scenes):
    rng = np.random.default_rng(0)
    sign, _ = next(s for s in (scenes._sign(rng) for _ in range(50)) if len(s[0].texts) == 1)
    placement = place_line(sign.line, Warp(arc=1.0, angle=.2), 1.0)
    labels = cv2.remap(sign.line.labels, *placement.sources(), cv2.INTER_NEAREST)
    outline = _outline(sign.boxes[0], placement)
    assert len(outline) == 14
    near = np.zeros(labels.shape, np.uint8)
    cv2.fillPoly(near, [np.round(outline - .5).astype(np.int32)], 1)
    ink = labels > 0
    assert (near[ink] == 1).mean() > .97 and .1 < ink.sum() / near.sum() < .8
    smaller = cv2.erode(near, np.ones((5, 5), np.uint8))
    assert .5 < (smaller[ink] == 1).mean() < .97


def test_signs_too_faint_to_be_seen_are_left_out(scenes, monkeypatch):
    """Hairline faces of small size leave no ink where a word is: it is neither drawn nor listed."""
    def faint(*args, **kwargs):
        line = lay_out(*args, **kwargs)
        return replace(line, ink=line.ink // 3, labels=np.zeros_like(line.labels))

    assert scenes(1).texts
    monkeypatch.setattr('mmocr_siga.rendering.scenes.lay_out', faint)
    assert scenes(1).texts == [] == scenes(1).polygons


def test_wrong_options(scenes):
    for options in (dict(size=(10, 10)), dict(signs=(3, 1)), dict(cap_height=(1, 5))):
        with pytest.raises(ValueError, match=next(iter(options))):
            SceneRenderer(scenes.words, **options)

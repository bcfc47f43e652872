import cv2
import numpy as np
import pytest
import shapely

from mmocr_siga.geometry.crops import crop_word, reading_directions, word_warp
from mmocr_siga.geometry.pasting import WordLayers, paste_word
from mmocr_siga.geometry.polygons import polygon_points

PICTURE = np.random.default_rng(0).integers(0, 256, (120, 200, 3)).astype(np.uint8)
QUAD = polygon_points([30, 20, 150, 40, 140, 90, 40, 60])
ANGLES = np.radians(np.linspace(160, 20, 9))
RAY = np.stack([np.cos(ANGLES), -np.sin(ANGLES)], 1)
ARC = np.concatenate([80 * RAY + (100, 100), (50 * RAY + (100, 100))[::-1]])


def warp_of(points, **options):
    return word_warp(*reading_directions(points)[0], **options)


def layers(coverage=0., removed=0., board=10., paint=240., size=(32, 128)):
    return WordLayers(*(np.full((*size, 3), color, np.float32) for color in (board, paint)),
                      *(np.full(size, share, np.float32) for share in (coverage, removed)))


def within(outline):
    y, x = np.mgrid[:120, :200] + 0.5
    return np.array([shapely.Polygon(outline).contains(shapely.Point(*place))
                     for place in zip(x.ravel(), y.ravel())]).reshape(120, 200)


@pytest.mark.parametrize('outline', [QUAD, ARC], ids=['perspective', 'spline'])
def test_the_way_back(outline):
    warp = warp_of(outline, margin=(.05, .05))
    inside = cv2.erode(within(outline).astype(np.uint8), np.ones((5, 5)))
    there = np.argwhere(inside)[:, ::-1] + 0.5
    np.testing.assert_allclose(warp.to_picture(warp.inverse()(there)), there, atol=0.1)


@pytest.mark.parametrize('outline', [QUAD, ARC], ids=['perspective', 'spline'])
def test_only_the_region_changes(outline):
    warp, inside = warp_of(outline, margin=(.05, .05)), within(outline)
    out = paste_word(PICTURE, layers(removed=1), warp, outline)
    assert (out[~inside] == PICTURE[~inside]).all()
    # All of it but for the soft border.
    assert (out[cv2.erode(inside.astype(np.uint8), np.ones((9, 9))) > 0] == 10).all()
    edge = inside & (cv2.erode(inside.astype(np.uint8), np.ones((5, 5))) == 0)
    assert (out[edge] != PICTURE[edge]).any() and (out[edge] != 10).any()
    np.testing.assert_array_equal(PICTURE, np.random.default_rng(0).integers(
        0, 256, (120, 200, 3)).astype(np.uint8))  # it is not written into


@pytest.mark.parametrize('outline', [None, QUAD, ARC], ids=['whole', 'perspective', 'spline'])
def test_without_shares_nothing_changes(outline):
    points = polygon_points([0, 0, 200, 0, 200, 120, 0, 120]) if outline is None else outline
    out = paste_word(PICTURE, layers(board=np.pi), warp_of(points), outline)
    assert (out == PICTURE).all()


@pytest.mark.parametrize('coverage, removed, want', [
    (0, 1, 10), (1, 0, 240), (1, 1, 240), (.5, 1, 125), (.25, .5, .25 * 240 + .75 * 55)])
def test_shares_of_a_whole_picture(coverage, removed, want):
    picture = np.full((64, 256, 3), 100, np.uint8)
    warp = warp_of(polygon_points([0, 0, 256, 0, 256, 64, 0, 64]))
    out = paste_word(picture, layers(coverage, removed), warp)
    assert (out == round(want)).all()  # up to the last pixel


def test_shares_lie_where_they_belong_and_keep_what_is_sharp():
    picture = cv2.resize(PICTURE, (512, 128), interpolation=cv2.INTER_NEAREST)
    given = layers()
    given.coverage[8:16, 32:64] = 1
    warp = warp_of(polygon_points([0, 0, 512, 0, 512, 128, 0, 128]))
    out = paste_word(picture, given, warp)
    assert (out[36:60, 132:252] == 240).all()
    outside = np.ones((128, 512), bool)
    outside[28:68, 124:260] = False
    assert (out[outside] == picture[outside]).all()


@pytest.mark.parametrize('size', [(1, 1), (1, 500), (7, 20), (2100, 9)])
def test_sizes(size):
    picture = np.full((*size, 3), 100, np.uint8)
    height, width = size
    points = polygon_points([0, 0, width, 0, width, height, 0, height])
    warp = warp_of(points)
    crop_word(picture, warp)
    half = layers(removed=1)
    half.removed[:, 64:] = 0
    out = paste_word(picture, half, warp)
    if width > height:
        margin = 1 + width // 64
        assert (out[:, :width // 2 - margin] == 10).all()
        assert (out[:, width // 2 + margin:] == 100).all()
    else:
        assert 10 <= out.min() and out.max() <= 100 and (out != 100).any()

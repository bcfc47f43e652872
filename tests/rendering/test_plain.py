import cv2
import numpy as np
import pytest
from PIL import ImageFont

from mmocr_siga.rendering.plain import (
    closest_case,
    draw_plain_in_box,
    draw_plain_words,
    plain_borders,
    plain_face,
    rewritten_box,
)

FACE = plain_face()
BOX = np.array([[20., 30.], [100., 30.], [100., 60.], [20., 60.]])


def ink(polygon, text='Hxgk', size=(128, 128)):
    return draw_plain_words(size, [(polygon, text)], FACE)[0]


def iou(a, b):
    a, b = a > 127, b > 127
    return (a & b).sum() / (a | b).sum()


def test_ink_fills_an_upright_box_and_nothing_else():
    drawn = ink(BOX)
    assert cv2.boundingRect((drawn > 0).view(np.uint8)) == (20, 30, 80, 30)
    np.testing.assert_allclose(cv2.boundingRect((drawn > 127).view(np.uint8)), (20, 30, 80, 30),
                               atol=1)
    assert .15 < (drawn > 127).mean() * 128 ** 2 / (80 * 30) < .6


@pytest.mark.parametrize('polygon', [BOX, BOX + [[0, 3.3], [2.2, -4], [1, 5], [-3, 0]]])
def test_a_shift_by_whole_pixels_shifts_the_picture(polygon):
    there = ink(polygon + [7, 41])
    np.testing.assert_array_equal(there[41:, 7:], ink(polygon)[:-41, :-7])


def test_a_quarter_turn_and_reversed_points():
    drawn = ink(BOX)
    # (x, y) -> (128 - y, x): a quarter clockwise.
    turned = ink(np.stack([128 - BOX[:, 1], BOX[:, 0]], 1))
    assert iou(np.rot90(drawn, -1), turned) >= .95
    np.testing.assert_array_equal(ink(BOX[[0, 3, 2, 1]]), drawn)


def test_strips_equal_one_homography_on_a_straight_word():
    along = np.linspace(20, 100, 6)
    many = np.concatenate([np.stack([along, np.full(6, 30.)], 1),
                           np.stack([along, np.full(6, 60.)], 1)[::-1]])
    assert iou(ink(many), ink(BOX)) >= .97


def test_characters_follow_an_arc_within_its_polygon():
    t = np.linspace(1.15, 1.85, 7) * np.pi
    outer, inner = (np.stack([64 + r * np.cos(t), 100 + r * np.sin(t)], 1) for r in (60, 36))
    polygon = np.concatenate([outer, inner[::-1]])
    # Bars: each a component of its own.
    drawn = ink(polygon, 'IIIIII')
    count, _, stats, centers = cv2.connectedComponentsWithStats((drawn > 127).view(np.uint8))
    assert count == 7
    radius = np.hypot(centers[1:, 0] + .5 - 64, centers[1:, 1] + .5 - 100)
    np.testing.assert_allclose(radius, 48, atol=2)
    angles = np.arctan2(centers[1:, 1] - 100, centers[1:, 0] - 64)[centers[1:, 0].argsort()]
    assert (np.diff(angles) > .2).all()
    near = np.zeros((128, 128), np.uint8)
    cv2.fillPoly(near, [np.round(polygon - .5).astype(np.int32)], 1)
    assert not drawn[cv2.dilate(near, np.ones((3, 3), np.uint8)) == 0].any()


def test_numbers_overlaps_and_what_cannot_be_drawn():
    words = [(BOX, 'ab'), (BOX + [60, 10], '\u4e2d'), (BOX + [40, 15], 'cd'),
             ([0, 0, 9, 9], 'e'), (BOX + [0, 60], ' ')]
    drawn, numbers = draw_plain_words((128, 160), words, FACE)
    assert set(np.unique(numbers)) == {0, 1, 3}
    np.testing.assert_array_equal(numbers > 0, drawn > 0)
    for number in (1, 3):
        alone, _ = draw_plain_words((128, 160), [words[number - 1]], FACE)
        assert (drawn >= alone).all() and (alone[numbers == number] > 0).all()
    assert plain_borders(BOX, '\u4e2d', FACE) is None
    # Outside, and partly.
    assert not ink(BOX + 500).any()
    assert ink(BOX - [60, 0]).any()


def test_narrow_letters_stand_upright_and_long_words_run_downwards():
    tall = np.array([[10., 10.], [30., 10.], [30., 90.], [10., 90.]])
    top, bottom = plain_borders(tall, 'I', FACE)
    np.testing.assert_allclose(top, tall[:2])
    top, bottom = plain_borders(tall, 'HELLO', FACE)
    np.testing.assert_allclose(top, [[30, 10], [30, 90]])
    np.testing.assert_allclose(bottom, [[10, 10], [10, 90]])
    with pytest.raises(ValueError, match='no font file'):
        plain_face(__file__)


@pytest.mark.parametrize('text', ['Hxgk', 'a', '.', "it's"])
def test_a_word_fills_its_box_as_it_fills_a_polygon(text):
    drawn = draw_plain_in_box((128, 128), (20, 30, 100, 60), text)
    assert cv2.boundingRect((drawn > 0).view(np.uint8)) == (20, 30, 80, 30)
    if text == 'Hxgk':
        np.testing.assert_array_equal(drawn, ink(BOX))


def test_no_text_has_no_ink_and_what_lies_outside_is_cut():
    assert not draw_plain_in_box((32, 128), (5, 5, 60, 20), '').any()
    assert not draw_plain_in_box((32, 128), (5, 5, 60, 20), ' ').any()
    assert not draw_plain_in_box((32, 128), (200, 5, 260, 20), 'a').any()
    whole = draw_plain_in_box((32, 160), (-30, 4, 130, 28), 'words')
    assert whole[:, :128].any() and not whole[:, 130:].any()
    np.testing.assert_array_equal(draw_plain_in_box((32, 128), (-30, 4, 130, 28), 'words'),
                                  whole[:, :128])
    with pytest.raises(ValueError, match=r"'a\\ue000' cannot be drawn: the plain face lacks"):
        draw_plain_in_box((32, 128), (5, 5, 60, 20), 'a\ue000')
    with pytest.raises(ValueError, match='more than 255 characters'):
        draw_plain_in_box((32, 128), (5, 5, 60, 20), 256 * 'a')


@pytest.mark.parametrize('old, new', [
    ('ace', 'bold'), ('bold', 'ace'), ('ace', 'gypsy'), ('Type', 'NEW'), ('NEW', 'new'),
    ('EXIT', 'I'), ('same', 'same')])
def test_another_text_stands_on_the_same_line_in_letters_as_large(old, new):
    font = ImageFont.truetype(FACE.path, 500, layout_engine=ImageFont.Layout.BASIC)
    (x0, y0, x1, y1), (u0, v0, u1, v1) = (font.getbbox(text, anchor='ls') for text in (old, new))
    scale = 40 / (y1 - y0), 150 / (x1 - x0)  # of a box that is flatter or higher than the face
    baseline = 80 - scale[0] * y1
    half = scale[1] * (u1 - u0) / 2
    wanted = (300 - half, baseline + scale[0] * v0, 300 + half, baseline + scale[0] * v1)
    found = rewritten_box((225, 40, 375, 80), old, new, (160, 600))
    np.testing.assert_allclose(found, wanted, atol=1.5)


@pytest.mark.parametrize('box, old, new, wanted', [
    ((0, 0, 128, 32), 'ace', 'bold', (0, 0, 128, 32)),  # where it was it may be
    ((2, 2, 126, 30), 'ace', 'ace', (2, 2, 126, 30)),
    ((40, 8, 88, 24), 'ab', 'abababababab', (2, 8, 126, 24)),  # two pixels of 32 remain
    ((10, 12, 50, 20), ' ', 'word', (10, 12, 50, 20)),
    ((10, 12, 50, 20), 'word', '\ue000', (10, 12, 50, 20))])
def test_a_box_remains_in_the_picture(box, old, new, wanted):
    np.testing.assert_allclose(rewritten_box(box, old, new, (32, 128)), wanted, atol=0.3)


def test_a_box_is_moved_before_it_is_squeezed():
    free = rewritten_box((300, 300, 400, 320), 'ace', 'abcdefgh', (700, 700))
    width, height = free[2] - free[0], free[3] - free[1]
    left, top, right, bottom = rewritten_box((10, 16, 110, 36), 'ace', 'abcdefgh', (48, 320))
    assert (left, right) == pytest.approx((3, 3 + width))
    assert (top, bottom) == pytest.approx((16 + free[1] - 300, 16 + free[3] - 300), abs=0.1)
    assert rewritten_box((60, 2, 160, 22), 'ace', 'abcdefgh', (48, 320))[1::2] == pytest.approx(
        (2, 2 + height))


@pytest.mark.parametrize('text', ['ace', 'ACE', 'Ace', 'gate24', 'GATE24'])
def test_ink_tells_the_letter_case(text):
    box = (10, 4, 110, 28)
    mask = draw_plain_in_box((32, 128), box, text) / np.float32(255)
    assert {closest_case(each, mask, box) for each in (text, text.lower(), text.upper())} == {text}
    assert closest_case('\ue000', mask, box) == '\ue000'

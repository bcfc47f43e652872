import numpy as np
import pytest

from mmocr_siga.rendering.fonts import FontFace, open_face
from mmocr_siga.rendering.layout import Line, Warp, lay_out, pen_positions, warp_line

# A bar of 60 x 20, two characters.
LABELS = np.zeros((60, 120), np.uint8)
LABELS[20:40, 30:60], LABELS[20:40, 60:90] = 1, 2
BAR = Line(np.uint8(255 * (LABELS > 0)), np.zeros_like(LABELS), LABELS, (30, 20, 90, 40), 20)


@pytest.fixture
def face(sans):
    return FontFace(sans, frozenset('AVToile '), 0.73)


def test_pens_advance_like_the_whole_string_and_spacing_moves_them_apart(face):
    font = open_face(face.path, 40)
    pens = pen_positions(face, 'AVTo', [40] * 4, 0.0)
    assert pens[0] == 0
    # Kerned: AV is narrower than A and V apart.
    assert pens[-1] == pytest.approx(font.getlength('AVTo'), abs=1.5)
    assert pens[2] < font.getlength('A') + font.getlength('V')
    tight, wide = (pen_positions(face, 'oil', [30] * 3, s) for s in (0.0, 5.0))
    np.testing.assert_allclose(np.subtract(wide, tight), [0, 5, 10, 15])


def test_every_glyph_has_its_label_in_reading_order(face):
    line = lay_out(face, 'oil Te', 30, spacing=0.2)
    columns = [np.flatnonzero((line.labels == k).any(0)) for k in range(1, 7)]
    assert columns[3].size == 0  # the space
    starts = [c[0] for c in columns if c.size]
    assert starts == sorted(starts) and len(starts) == 5
    assert ((line.labels > 0) <= (line.ink > 127)).all()
    x0, y0, x1, y1 = line.box
    assert line.ink[y0:y1, x0:x1].sum() == line.ink.sum() > 0
    with pytest.raises(ValueError, match='leaves no ink'):
        lay_out(face, ' ', 30)


def test_neighbors_leave_the_word_untouched(face, rng):
    alone = lay_out(face, 'oil', 30)
    crowd = lay_out(face, 'oil', 30, neighbors=('To', 'To', 'Toil', 'Toil'), rng=rng)
    np.testing.assert_array_equal(alone.ink, crowd.ink)
    assert crowd.context.any() and not alone.context.any()
    x0, _, x1, _ = crowd.box
    assert crowd.context[:, :x0].any() and crowd.context[:, x1:].any()


@pytest.mark.parametrize('arc', [-1.4, -0.3, 0.0, 0.5, 1.5])
def test_unbend_undoes_bend(arc, rng):
    points = rng.uniform([-100, -20], [100, 20], (50, 2))
    warp = Warp(arc=arc)
    x, y = warp.unbend(*warp.bend(points, 100).T.astype(np.float32), 100)
    np.testing.assert_allclose(np.stack([x, y], 1), points, atol=1e-2)


def test_bend_keeps_lengths_on_the_middle_line():
    xs = np.linspace(-80, 80, 401)
    bent = Warp(arc=1.2).bend(np.stack([xs, np.zeros_like(xs)], 1), 80)
    assert np.linalg.norm(np.diff(bent, axis=0), axis=1).sum() == pytest.approx(160, rel=1e-3)
    # A positive arc is a hill: its middle is higher (smaller y) than its ends.
    assert bent[200, 1] == pytest.approx(0) and bent[0, 1] > 5 and bent[-1, 1] > 5


def test_identity_warp_keeps_the_pixels():
    ink, context, labels = warp_line(BAR, Warp(), border=0.5)
    np.testing.assert_array_equal(ink, BAR.ink[10:50, 20:100])
    np.testing.assert_array_equal(labels, LABELS[10:50, 20:100])
    assert context.shape == (40, 80) and not context.any()
    # Huge lines are scaled down.
    ink, _, labels = warp_line(BAR, Warp(), max_pixels=800)
    assert ink.size <= 800 and set(np.unique(labels)) == {0, 1, 2}


@pytest.mark.parametrize('warp, height, width', [
    (Warp(angle=np.pi / 2), 60, 20), (Warp(stretch=1.5), 20, 90)])
def test_quarter_turns_and_stretches(warp, height, width):
    _, _, labels = warp_line(BAR, warp)
    ys, xs = np.nonzero(labels)
    assert (np.ptp(ys) + 1, np.ptp(xs) + 1) == pytest.approx((height, width), abs=1)
    # Clockwise: what was left is now above.
    first, second = (np.argwhere(labels == k).mean(0) for k in (1, 2))
    assert (second - first)[0 if height > width else 1] == pytest.approx(max(height, width) / 2,
                                                                        abs=1)


def test_perspective_shrinks_one_side():
    heights = (warp_line(BAR, Warp(perspective=(0.3, 0.0)))[0] > 127).sum(0)
    columns = np.flatnonzero(heights)
    assert heights[columns[1]] > 1.5 * heights[columns[-2]]

import numpy as np
import pytest

from mmocr_siga.rendering.drawn_faces import (
    DOT_FACES,
    SEGMENT_FACES,
    BuiltInFont,
    built_in_characters,
    dot_pattern,
)
from mmocr_siga.rendering.fonts import FontFace, built_in_faces, draw_glyph, open_face
from mmocr_siga.rendering.layout import lay_out


def test_dots_of_a_letter():
    rows = [''.join('#' if dot else '.' for dot in row) for row in dot_pattern('F')]
    assert rows == ['#####', '#....', '#....', '####.', '#....', '#....', '#....']


def test_every_pattern_has_seven_rows_of_five_and_is_its_own():
    patterns = {char: dot_pattern(char).tobytes() for char in built_in_characters(DOT_FACES[0])}
    assert all(len(p) == 35 for p in patterns.values())
    assert len(set(patterns.values())) == len(patterns)


@pytest.mark.parametrize('path', DOT_FACES)
def test_a_dot_face_draws_its_dots(path):
    font = BuiltInFont(path, 70)
    glyph, x, y = font.glyph('F')
    # Dots are 10 pixels apart: the middle of each is inked or blank as in the pattern.
    middles = glyph[1 + 5:71:10, 1 + 5:51:10]
    np.testing.assert_array_equal(middles > 127, dot_pattern('F'))
    assert (x, y) == (-1, -71) and font.getlength('FF') == pytest.approx(120)


@pytest.mark.parametrize('path', SEGMENT_FACES)
def test_segments_of_digits(path):
    def middles(char):
        """Ink in the middles of the segments a, b, c, d, e, f and g."""
        glyph, _, _ = BuiltInFont(path, 100).glyph(char)
        thick, slant = (int(n) / 100 for n in path.split('/')[1:])
        width, half = 56, 50 * thick
        points = [(width / 2, half), (width - half, 25), (width - half, 75),
                  (width / 2, 100 - half), (half, 75), (half, 25), (width / 2, 50)]
        return [bool(glyph[int(1 + y), int(1 + x + slant * (100 - y))] > 127) for x, y in points]

    assert middles('8') == [True] * 7
    assert middles('1') == [False, True, True, False, False, False, False]
    assert middles('5') == [True, False, True, True, False, True, True]
    assert middles('0') == [True] * 6 + [False]


def test_they_serve_in_the_place_of_files():
    assert isinstance(open_face(DOT_FACES[1], 30), BuiltInFont)
    assert draw_glyph(open_face(SEGMENT_FACES[0], 30), ' ')[0].size == 0
    line = lay_out(FontFace(DOT_FACES[1], frozenset('A1'), 1.0), 'A1A', 35)
    assert set(np.unique(line.labels)) == {0, 1, 2, 3}
    assert line.box[3] - line.box[1] == pytest.approx(35, abs=3)


def test_faces_for_a_character_set():
    assert {f.path for f in built_in_faces('Q')} == set(DOT_FACES)
    assert len(built_in_faces('7')) == len(DOT_FACES) + len(SEGMENT_FACES)
    assert built_in_faces('\u5b57') == []


@pytest.mark.parametrize('name', ['dots', 'dots/x', 'dots/40/3', 'segments/10', 'stars/40'])
def test_unknown_faces_are_named(name):
    with pytest.raises(ValueError, match='no built-in face'):
        BuiltInFont('built-in:' + name, 30)

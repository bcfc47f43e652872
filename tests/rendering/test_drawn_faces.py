import numpy as np
import pytest

from mmocr_siga.rendering.drawn_faces import (
    DOT_FACES,
    SEGMENT_FACES,
    BuiltInFont,
    built_in_characters,
    dot_pattern,
)
from mmocr_siga.rendering.fonts import (
    FontFace,
    built_in_faces,
    draw_glyph,
    invented_face,
    open_face,
)
from mmocr_siga.rendering.layout import lay_out


def test_patterns_of_dots():
    rows = [''.join('#' if dot else '.' for dot in row) for row in dot_pattern('F')]
    assert rows == ['#####', '#....', '#....', '####.', '#....', '#....', '#....']
    # Each has seven rows of five and is its own.
    patterns = [dot_pattern(char).tobytes() for char in built_in_characters(DOT_FACES[0])]
    assert {len(p) for p in patterns} == {35} and len(set(patterns)) == len(patterns)


@pytest.mark.parametrize('path', DOT_FACES)
def test_a_dot_face_draws_its_dots(path):
    font = BuiltInFont(path, 70)
    glyph, x, y = font.glyph('F')
    # Dots are 10 pixels apart: the middle of each is inked or blank as in the pattern.
    middles = glyph[1 + 5:71:10, 1 + 5:51:10]
    np.testing.assert_array_equal(middles > 127, dot_pattern('F'))
    assert (x, y) == (-1, -71) and font.getlength('FF') == pytest.approx(120)


@pytest.mark.parametrize('path', SEGMENT_FACES)
@pytest.mark.parametrize('char, segments', [
    ('8', 'abcdefg'), ('1', 'bc'), ('5', 'acdfg'), ('0', 'abcdef')])
def test_segments_of_digits(path, char, segments):
    glyph, _, _ = BuiltInFont(path, 100).glyph(char)
    thick, slant = (int(n) / 100 for n in path.split('/')[1:])
    width, half = 56, 50 * thick
    middles = dict(a=(width / 2, half), b=(width - half, 25), c=(width - half, 75),
                   d=(width / 2, 100 - half), e=(half, 75), f=(half, 25), g=(width / 2, 50))
    assert segments == ''.join(name for name, (x, y) in middles.items()
                               if glyph[int(1 + y), int(1 + x + slant * (100 - y))] > 127)


def test_they_serve_in_the_place_of_files():
    assert isinstance(open_face(DOT_FACES[1], 30), BuiltInFont)
    assert draw_glyph(open_face(SEGMENT_FACES[0], 30), ' ')[0].size == 0
    line = lay_out(FontFace(DOT_FACES[1], frozenset('A1'), 1.0), 'A1A', 35)
    assert set(np.unique(line.labels)) == {0, 1, 2, 3}
    assert line.box[3] - line.box[1] == pytest.approx(35, abs=3)
    # Those for a character set.
    assert {f.path for f in built_in_faces('Q')} == set(DOT_FACES)
    assert len(built_in_faces('7')) == len(DOT_FACES) + len(SEGMENT_FACES)
    assert built_in_faces('\u5b57') == []


def test_an_invented_script_has_a_random_pattern_for_each_character():
    chars = 'Aa0\u5b57'
    first, again, other = ({c: dot_pattern(c, seed) for c in chars} for seed in (3, 3, 4))
    for char in chars:
        np.testing.assert_array_equal(first[char], again[char])
        assert (first[char] != other[char]).any() and first[char].shape == (7, 5)
    assert len({pattern.tobytes() for pattern in first.values()}) == len(chars)
    assert 0.4 < np.mean([dot_pattern(chr(k), 1) for k in range(33, 233)]) < 0.6
    glyph, _, _ = BuiltInFont('built-in:dots/42/3', 70).glyph('\u5b57')
    np.testing.assert_array_equal(glyph[6:71:10, 6:51:10] > 127, first['\u5b57'])
    glyph, _, _ = BuiltInFont('built-in:squares/70', 70).glyph('A')
    np.testing.assert_array_equal(glyph[6:71:10, 6:51:10] > 127, dot_pattern('A'))


def test_faces_are_invented_anew(rng):
    faces = [invented_face('xyz', rng) for _ in range(6)]
    assert len({face.path for face in faces}) == 6
    for face in faces:
        assert lay_out(face, 'zyx', 35).labels.max() == 3 and face.characters == set('xyz')

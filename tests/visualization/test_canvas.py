import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from mmocr_siga.visualization import SheetWord, canvas, draw_scene, draw_word_sheet
from mmocr_siga.visualization.canvas import (
    character_colors,
    fitted,
    fitting_size,
    framed,
    paper,
    shortened,
    written,
    written_width,
)


def test_neighboring_colors_differ():
    colors = character_colors(26).astype(int)
    assert np.abs(np.diff(colors, axis=0)).sum(1).min() > 150
    assert character_colors(0).shape == (0, 3)


def test_frames_grow_with_the_word():
    white = np.full((20, 60, 3), 255, np.uint8)
    shown = fitted(white, (720, 240))
    boxes = [[0, 0, 30, 20], [40, 5, 50, 15], [np.nan] * 4]
    picture = framed(shown, boxes, white)
    assert picture.shape == (240, 720, 3) and (shown == 255).all()
    first, second, third = character_colors(3)
    for box, color in zip(([0, 0, 360, 240], [480, 60, 600, 180]), (first, second)):
        rows, columns = np.nonzero((picture == color).all(2))
        np.testing.assert_allclose(
            [columns.min(), rows.min(), columns.max(), rows.max()], box, atol=2)
    # A character whose place is unknown has none.
    assert not (picture == third).all(2).any()
    assert (framed(shown, (), white) == 255).all()


@pytest.mark.parametrize('shape', [(1, 3000, 3), (3000, 1, 3), (1, 1, 3), (32, 128, 3)])
def test_words_of_all_shapes_fit(shape):
    height, width = fitted(np.zeros(shape, np.uint8), (720, 240)).shape[:2]
    assert 1 <= height <= 240 and 1 <= width <= 720


@pytest.fixture
def with_fonts(monkeypatch):
    """Lets other fonts be those given."""

    def give(*paths):
        monkeypatch.setattr(canvas, '_other_faces', lambda: [str(path) for path in paths])
        canvas.face_of.cache_clear()

    yield give
    canvas.face_of.cache_clear()


def line(text):
    return written(paper(40, 300), [((4, 30), text, 20, (0, 0, 0))])


def block_font(path, **heights):
    """A font whose glyphs are blocks, half an em wide, of so many thousandths of it."""
    glyphs = {'.notdef': TTGlyphPen(None).glyph()}
    for name, height in heights.items():
        pen = TTGlyphPen(None)
        if height:
            corners = [(0, 0), (0, height), (500, height), (500, 0)]
            pen.moveTo(corners[0])
            for corner in corners[1:]:
                pen.lineTo(corner)
            pen.closePath()
        glyphs[name] = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({int(name[1:], 16): name for name in heights})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics({name: (500, 0) for name in glyphs})
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable(dict(familyName='Blocks', styleName='Regular'))
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


@pytest.mark.parametrize('text, stands', [
    ('\u4eac', 'U+4EAC'), ('a\u4eac\ud55cb', 'aU+4EAC U+D55Cb'), ('a\nb', 'aU+000Ab'),
    ('\udc80', 'U+DC80'), ('\U00020000', 'U+20000'), ('x\u3000', 'xU+3000')])
def test_code_points_stand_for_what_no_font_has(with_fonts, text, stands):
    with_fonts()
    np.testing.assert_array_equal(line(text), line(stands))
    assert written_width(text, 20) == pytest.approx(written_width(stands, 20), abs=1)


def test_a_font_that_has_the_character_is_found(with_fonts, tmp_path):
    blank = block_font(tmp_path / 'blank.ttf', u4EAC=0)
    high = block_font(tmp_path / 'high.ttf', u4EAC=1000, u6CAA=500)
    (tmp_path / 'broken.ttf').write_bytes(b'no font')
    with_fonts(tmp_path / 'gone.ttf', tmp_path / 'broken.ttf', blank, high)
    # Blocks of 10 x 20 and 10 x 10 pixels on the baseline, the letter between in DejaVu Sans.
    picture, letter = line('\u4eac\u6caa'), line('a')
    assert (picture[10:30, 4:14] == 0).all() and (picture[20:30, 14:24] == 0).all()
    assert (picture == 0).all(2).sum() == 300
    mixed = line('a\u4eac')
    width = written_width('a', 20)
    assert written_width('a\u4eac', 20) == pytest.approx(width + 10)
    np.testing.assert_array_equal(mixed[:, :4 + int(width)], letter[:, :4 + int(width)])


@pytest.mark.parametrize('installed', [True, False])
def test_drawings_tell_characters_apart(with_fonts, tmp_path, installed):
    with_fonts(*[block_font(tmp_path / 'a.ttf', u4EAC=1000, u6CAA=500)] * installed)
    white = np.full((32, 100, 3), 255, np.uint8)

    class Word:
        polygon = [5, 5, 90, 5, 90, 28, 5, 28]

    def drawings(text):
        Word.text = text
        return [draw_word_sheet([SheetWord(white, text, text, 'x')]), draw_scene(white, [Word()]),
                canvas.written(white, [((4, 20), text, 12, (0, 0, 0))])]

    for first, second in zip(drawings('\u4eac'), drawings('\u6caa')):
        assert (first != second).any()


def test_texts_are_cut_and_made_smaller():
    width = written_width('a' * 10 + '...', 14)
    assert shortened('a' * 11, written_width('a' * 11, 14), 14) == 'a' * 11
    assert shortened('a' * 100_000, width, 14) == 'a' * 10 + '...'
    assert shortened('abc', 1, 14) == '...'
    assert fitting_size('abc', written_width('abc', 11), (6, 20)) == 11
    assert fitting_size('abc', 0, (6, 20)) == 6
    assert fitting_size('abc', 1e4, (6, 20)) == 20

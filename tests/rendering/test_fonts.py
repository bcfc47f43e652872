import numpy as np
import pytest
from PIL import Image, ImageDraw

from mmocr_siga.rendering import fonts


@pytest.mark.parametrize('char', 'gÅ|,W')
def test_glyph_pixels_and_offset_match_a_direct_drawing(sans, char):
    font = fonts.open_face(sans, 37)
    direct = Image.new('L', (120, 120))
    ImageDraw.Draw(direct).text((40, 70), char, font=font, fill=255, anchor='ls')
    glyph, x, y = fonts.draw_glyph(font, char)
    built = np.zeros((120, 120), np.uint8)
    built[70 + y:70 + y + glyph.shape[0], 40 + x:40 + x + glyph.shape[1]] = glyph
    np.testing.assert_array_equal(built, np.asarray(direct))


def test_what_is_no_font_or_misses_characters_is_left_out(tmp_path, sans):
    assert fonts.draw_glyph(fonts.open_face(sans, 30), ' ')[0].size == 0
    assert fonts.mapped_characters(sans, 'aé一') == {'a', 'é'}
    with pytest.raises(ValueError, match='no usable font for 2 of the 4 .*一二'):
        fonts.FontLibrary.discover('ab一二', [sans], min_coverage=0.5)
    broken = tmp_path / 'broken.ttf'
    broken.write_bytes(b'not a font')
    assert fonts.mapped_characters(str(broken), 'abc') == frozenset()
    assert fonts.find_font_files([tmp_path]) == [str(broken)]
    library = fonts.FontLibrary.discover('abc', [tmp_path, sans])
    assert [f.path for f in library.faces] == [sans]
    with pytest.raises(FileNotFoundError, match='nowhere'):
        fonts.find_font_files([tmp_path / 'nowhere'])


def test_cap_height_is_what_was_asked_for(library):
    for face in library.faces:
        glyph = fonts.draw_glyph(fonts.open_face(face.path, face.size_for(60)), 'H')[0]
        rows = np.flatnonzero(glyph.max(1) > 127)
        assert abs(rows[-1] - rows[0] + 1 - 60) <= 4, face.path


def test_legibility_is_high_for_letters_and_low_for_wrong_ones(sans, monkeypatch):
    assert fonts.legibility(sans, 'AbR5') == pytest.approx(1, abs=1e-5)
    assert fonts.legibility(sans, 'жд') == 1.0  # no opinion on other scripts
    wrong = fonts._reference_templates()
    monkeypatch.setattr(fonts, '_reference_templates',
                        lambda: {'A': wrong['w'], 'b': wrong['7'], 'R': wrong['0']})
    fonts._resemblance.cache_clear()
    assert fonts.legibility(sans, 'AbR') < 0.5
    fonts._resemblance.cache_clear()


def test_small_letters_drawn_as_capitals_are_noticed(sans, monkeypatch):
    letters, font = frozenset('abdeghnqrtABDEGHNQRT'), fonts.open_face(sans, 40)
    plain = fonts.draw_glyph
    assert not fonts._is_unicase(font, letters)
    monkeypatch.setattr(fonts, 'draw_glyph', lambda f, c: plain(f, c.upper()))
    assert fonts._is_unicase(font, letters)


def test_draw_takes_only_faces_that_can_write_the_text(rng):
    faces = [fonts.FontFace(path, frozenset(characters)) for path, characters in (
        ('x/a.ttf', 'ab'), ('x/b.ttf', 'bc'), ('y/c.ttf', 'ab c'))]
    library = fonts.FontLibrary(faces, 'abc')
    assert {library.draw(rng, 'ab').path for _ in range(60)} == {'x/a.ttf', 'y/c.ttf'}
    assert {library.draw(rng, 'c a').path for _ in range(20)} == {'y/c.ttf'}
    with pytest.raises(ValueError, match="no single font can write 'ad'"):
        library.draw(rng, 'ad')


def test_big_folders_do_not_dominate(rng):
    paths = ['one/a.ttf', *(f'big/{i}.ttf' for i in range(100))]
    library = fonts.FontLibrary([fonts.FontFace(path, frozenset('a')) for path in paths], 'a')
    lone = np.mean([library.draw(rng, 'a').path == 'one/a.ttf' for _ in range(4000)])
    # sqrt(1) against sqrt(100): one in eleven, not one in a hundred.
    assert lone == pytest.approx(1 / 11, abs=0.02)


def test_the_plainest_faces_come_first(library):
    plain = library.plainest(3)
    assert len(plain) == 3 and len(library) > 3
    least = min(f.plainness for f in plain.faces)
    assert all(f.plainness <= least for f in library.faces if f not in plain.faces)
    with pytest.raises(ValueError, match='no usable font'):
        library.plainest(0)

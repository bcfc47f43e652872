import re

import cv2
import numpy as np
import pytest

from mmocr_siga.rendering import RECIPES, RenderStyle, build_renderer
from mmocr_siga.rendering.fonts import bundled_font_dir

FONTS = [bundled_font_dir()]


def render(name, count=30, **options):
    renderer, left_out = build_renderer(name, fonts=FONTS, **options)
    assert left_out == []
    return renderer, [renderer(i) for i in range(count)]


@pytest.mark.parametrize('name', sorted(RECIPES))
def test_presets_make_words(name):
    renderer, words = render(name)
    characters = set(renderer.words.charset)
    for word in words:
        shortest, longest = RECIPES[name].length
        assert shortest <= len(word.text) <= longest and set(word.text) <= characters
        assert word.image.shape[:2] == word.glyphs.shape
    assert len({w.text for w in words}) > 20 and len({w.font for w in words}) > 5


def test_incidental_words_are_turned_and_have_marks():
    def slopes_and_marks(name):
        _, words = render(name, 150, random_strings=0.0)
        slopes = []
        for word in words:
            boxes = np.array([b for b in word.boxes if b[2] > 0], np.float64)
            centers = boxes[:, :2] + boxes[:, 2:] / 2
            if len(boxes) > 3:
                slopes.append(abs(np.polyfit(*centers.T, 1)[0]))
        return np.mean(slopes), np.mean([not w.text.isalnum() for w in words])

    (slope, marks), (upright, few) = slopes_and_marks('incidental'), slopes_and_marks('mj_st_like')
    assert slope > 1.5 * upright
    assert marks == pytest.approx(0.3, abs=0.1) and few == pytest.approx(0.1, abs=0.08)


def test_serial_numbers_use_faces_of_machines():
    renderer, words = render('serial_numbers', 80)
    paths = ' '.join(f.path for f in renderer.fonts.faces)
    assert all(kind in paths for kind in ('built-in:dots', 'built-in:segments', 'Mono'))
    assert all(re.fullmatch(r'[0-9A-Z./:-]+', w.text) for w in words)
    # Most have digits, unlike words.
    assert np.mean([any(c.isdigit() for c in w.text) for w in words]) > 0.7


def test_plates_hold_groups_of_capitals_and_digits():
    _, words = render('licence_plates', 60)
    assert any(' ' in w.text for w in words)
    for word in words:
        assert re.fullmatch(r'[0-9A-Z]+([ -][0-9A-Z]+)*', word.text)
        assert not any(box[2] > 0 for box, c in zip(word.boxes, word.text) if c == ' ')


def test_difficulty_and_charset_replace_those_of_a_preset():
    renderer, words = render('contextless', 5, style='easy', charset='xyz', max_length=3)
    assert renderer.style == RenderStyle.preset('easy')
    assert all(set(w.text) <= set('xyz') and len(w.text) <= 3 for w in words)


def test_long_lines_of_other_lengths_are_wide_and_upright():
    _, words = render('long_codes', 8, max_length=60, min_length=50)
    for word in words:
        assert 50 <= len(word.text) <= 60
        assert word.image.shape[1] > 8 * word.image.shape[0]


def test_what_is_no_picture_is_told(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((90, 90, 3), np.uint8))
    (tmp_path / 'b.jpg').write_bytes(b'no picture')
    renderer, left_out = build_renderer('mj_st_like', fonts=FONTS, backgrounds=tmp_path)
    assert renderer.photographs == [str(tmp_path / 'a.png')]
    assert left_out == [str(tmp_path / 'b.jpg')]
    (tmp_path / 'a.png').unlink()
    with pytest.raises(ValueError, match='none of the 1 pictures'):
        build_renderer('mj_st_like', fonts=FONTS, backgrounds=tmp_path)


@pytest.mark.parametrize('options, message', [
    (dict(recipe='sonnets'), "unknown preset 'sonnets'.*contextless.*mj_st_like.*serial"),
    (dict(recipe='contextless', lexicon='w.txt'), 'have no use'),
    (dict(recipe='serial_numbers', charset='\u5b57'), 'no usable font for 1'),
    (dict(charset='\u5b57'), 'no usable font for 1'),
    (dict(min_length=3), 'min_length has no use'),
    (dict(recipe='long_codes', max_length=20), 'min_length must be within'),
    (dict(max_length=0), 'max_length')])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        build_renderer(**{'fonts': FONTS, **options})

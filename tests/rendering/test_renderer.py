from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmocr_siga.rendering import (
    RenderedWord,
    RenderStyle,
    WordRenderer,
    WordSource,
    build_renderer,
)
from mmocr_siga.rendering.colors import luminance
from mmocr_siga.rendering.fonts import bundled_font_dir
from mmocr_siga.text.charsets import find_charset

ALNUM = find_charset('alnum62')
# Clean print: nothing but the warp, and what a test adds.
PLAIN = dict(lighting=0, tone=0, blur=0, noise=0, jpeg=0, busy=0, low_resolution=0, outline=0,
             shadow=0, extrusion=0)


def renderer(library, difficulty='hard', seed=0, **style):
    return WordRenderer(library, WordSource(ALNUM), RenderStyle.preset(difficulty, **style),
                        seed=seed)


def agreement(word):
    """Share of the pixels that Otsu's threshold puts on the side of the glyph mask."""
    gray = cv2.cvtColor(word.image, cv2.COLOR_BGR2GRAY)
    split = cv2.threshold(gray, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1] > 0
    same = (split == (word.glyphs > 0)).mean()
    return max(same, 1 - same)


def test_a_word_depends_on_its_seed_and_number_only(library):
    forward = [renderer(library)(i) for i in range(12)]
    again = renderer(library)
    for i in reversed(range(12)):
        word = again(i)
        assert word.text == forward[i].text and word.font == forward[i].font
        np.testing.assert_array_equal(word.image, forward[i].image)
        np.testing.assert_array_equal(word.glyphs, forward[i].glyphs)
    other = [renderer(library, seed=1)(i).text for i in range(12)]
    assert other != [w.text for w in forward]


# As they were drawn before there were groups: text, size, mean and standard deviation of the
# picture, share of ink. They are told from another order of draws, not from another OpenCV.
KNOWN = [
    ('mj_st_like', 0, 'plocumoost', (64, 189), 119.9, 43.6, 0.198),
    ('mj_st_like', 1, 'FULL', (45, 120), 120.9, 67.0, 0.161),
    ('mj_st_like', 2, 'Related', (59, 137), 84.3, 14.9, 0.106),
    ('licence_plates', 0, 'PU VF 032', (48, 145), 140.4, 38.0, 0.159),
    ('licence_plates', 1, '9675JF', (32, 100), 122.8, 16.4, 0.227),
    ('licence_plates', 2, '49O 6XG', (64, 185), 39.1, 30.2, 0.362)]


@pytest.mark.parametrize('preset', ['mj_st_like', 'licence_plates'])
def test_words_stay_what_they_were(preset):
    make, _ = build_renderer(preset, fonts=[bundled_font_dir()], seed=7)
    for _, number, text, shape, *measures in (known for known in KNOWN if known[0] == preset):
        word = make(number)
        assert (word.text, word.glyphs.shape) == (text, shape)
        found = [word.image.mean(), word.image.std(), (word.glyphs > 0).mean()]
        np.testing.assert_allclose(found, measures, rtol=0.02, atol=1.0)


@pytest.mark.parametrize('difficulty', ['easy', 'medium', 'hard'])
def test_crops_and_masks_are_well_formed(library, difficulty):
    for word in map(renderer(library, difficulty), range(60)):
        height, width = word.glyphs.shape
        assert word.image.shape == (height, width, 3) and word.image.dtype == np.uint8
        assert 32 <= height <= 64 and width >= 2
        assert word.glyphs.max() <= len(word.text)
        # Cutting slightly into a word never loses a whole letter.
        assert set(range(1, len(word.text) + 1)) <= set(np.unique(word.glyphs)), word.text


def test_easy_words_stand_out_from_the_background_their_letters_in_order(library):
    for word in map(renderer(library, 'easy'), range(40)):
        gray, ink = luminance(word.image), word.glyphs > 0
        outside = ~cv2.dilate(ink.astype(np.uint8), np.ones((5, 5))).astype(bool)
        assert abs(np.median(gray[ink]) - np.median(gray[outside])) > 25
        middles = [np.nonzero(word.glyphs == k + 1)[1].mean() for k in range(len(word.text))]
        assert middles == sorted(middles)


def test_faces_without_small_letters_get_labels_in_capitals(library):
    library = type(library)([replace(f, unicase=True) for f in library.faces],
                            library.charset)
    words = [renderer(library)(i).text for i in range(30)]
    assert all(w == w.upper() for w in words)
    assert any(w != w.lower() for w in words)


def test_boxes_hold_the_ink_of_their_characters(library):
    glyphs = np.zeros((9, 12), np.uint8)
    glyphs[2:5, 1:3] = 1
    glyphs[0, 5], glyphs[8, 7] = 3, 3
    boxes = RenderedWord(None, 'abcd', glyphs, '').boxes
    assert boxes.tolist() == [[1, 2, 2, 3], [0, 0, 0, 0], [5, 0, 3, 9], [0, 0, 0, 0]]
    word = renderer(library)(3)
    for k, (x, y, w, h) in enumerate(word.boxes.tolist(), 1):
        ys, xs = np.nonzero(word.glyphs == k)
        assert (xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1) == (x, y, w, h)


def test_text_that_no_face_can_write_is_drawn_again(library):
    class Source:
        def draw(self, rng):
            return '\u5b57' if rng.random() < 0.8 else 'ok'

    make = WordRenderer(library, Source(), RenderStyle.preset('easy', neighbors=0))
    assert {make(i).text.lower() for i in range(10)} == {'ok'}


def test_carved_letters_can_be_seen_on_white(library):
    for word in map(renderer(library, 'easy', 1, relief=1, carved=1, **PLAIN), range(25)):
        assert luminance(word.image).std() > 4


def test_masks_agree_with_thresholding_clean_print_also_where_it_is_distorted(library):
    still, moved = ([renderer(library, 'easy', 5, gradient=0, **PLAIN, **elastic)(i)
                     for i in range(20)]
                    for elastic in ({}, dict(elastic=1, elastic_strength=(0.1, 0.1))))
    assert all(agreement(word) > 0.93 for word in [*still, *moved])
    assert any(a.image.shape != b.image.shape for a, b in zip(still, moved))

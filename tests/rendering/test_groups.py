from dataclasses import replace

import cv2
import numpy as np
import pytest

from mmocr_siga.rendering import RECIPES, FontLibrary, RenderStyle, WordRenderer, WordSource
from mmocr_siga.rendering.recipes import SOURCES
from mmocr_siga.text.charsets import find_charset

ALNUM = find_charset('alnum62')
PRESETS = ('style_pairs', 'style_pairs_scene', 'serial_numbers', 'licence_plates', 'incidental')
# No effect is left out, so that each is seen to depend on nothing but the style.
EVERYTHING = dict.fromkeys(
    ('curve', 'busy', 'outline', 'shadow', 'extrusion', 'relief', 'worn', 'dotted', 'gradient',
     'scribble', 'paint_texture', 'elastic', 'lighting', 'tone', 'blur', 'low_resolution', 'noise',
     'sharpen'), 1.0)
# Pixels that shadow, extrusion, blur and loss of resolution carry ink at most, at 64 pixels of
# height.
REACH = 24


def preset_renderer(library, preset, **changes):
    recipe = RECIPES[preset]
    words = SOURCES.get(recipe.text, WordSource)(ALNUM)
    return WordRenderer(library, words, replace(recipe.style, **changes))


def renderer(library, words=None, **changes):
    return WordRenderer(library, words or WordSource(ALNUM), RenderStyle.preset('easy', **changes))


def away_from(*glyphs, reach=REACH):
    ink = np.maximum.reduce(glyphs) > 0
    return cv2.dilate(ink.view(np.uint8), np.ones((2 * reach + 1, ) * 2, np.uint8)) == 0


class Listed:
    """Words in turn."""
    charset = ALNUM

    def __init__(self, *words):
        self.words, self.count = words, 0

    def draw(self, rng):
        self.count += 1
        return self.words[(self.count - 1) % len(self.words)]


@pytest.mark.parametrize('preset, changes', [
    *((preset, {}) for preset in PRESETS), ('style_pairs_scene', EVERYTHING),
    ('style_pairs_scene', {**EVERYTHING, 'carved': 1.0}),
    ('licence_plates', {**EVERYTHING, 'plate': 1.0}),
    ('serial_numbers', {**EVERYTHING, 'plate': 0.0, 'metal': 1.0, 'carved': 0.0})],
    ids=[*PRESETS, 'everything', 'carved', 'plate', 'metal'])
def test_pictures_are_equal_but_where_ink_reaches(library, preset, changes):
    make = preset_renderer(library, preset, jpeg=0.0, **changes)
    far = 0
    for number in range(8):
        group = make.render_group((5, number), 2, ['11', 'W0WW0WW0WW0WW0W'], 'natural')
        (short, long), (one, two) = group.images, group.glyphs
        assert (short != long).any() and (short != group.background).any()
        for a, b, apart in ((short, group.background, away_from(one)),
                            (long, group.background, away_from(two)),
                            (short, long, away_from(one, two))):
            assert not (a != b)[apart].any()
            far += apart.sum()
        assert {a.shape for a in group.images} == {group.background.shape}
        assert {a.shape for a in group.glyphs} == {group.background.shape[:2]}
    assert far > 10_000  # there was something to compare


def test_jpeg_carries_ink_no_further_than_its_blocks(library):
    make = renderer(library, jpeg=1.0, low_resolution=0.0)
    for number in range(6):
        group = make.render_group((number, ), 2, ['i', 'WWWWWWWWW'], 'natural')
        different = (group.images[0] != group.background).any(2)
        # Blocks of 16 x 16, whose colors may be smoothed into the next pixel.
        near = np.zeros_like(different)
        for y, x in np.unique(np.argwhere(~away_from(group.glyphs[0])) // 16, axis=0):
            near[max(16 * y - 2, 0):16 * y + 18, max(16 * x - 2, 0):16 * x + 18] = True
        assert different.any() and not (different & ~near).any() and not near.all()


@pytest.mark.parametrize('preset', PRESETS)
def test_a_group_repeats_itself_and_its_texts_make_the_only_difference(library, preset):
    make = preset_renderer(library, preset)
    for number in range(4):
        group, again = (make.render_group((number, 2), 3) for _ in range(2))
        assert (group.texts, group.face, group.style_id, group.layout) == (
            again.texts, again.face, again.style_id, again.layout)
        for a, b in zip([*group.images, *group.glyphs, group.background],
                        [*again.images, *again.glyphs, again.background]):
            np.testing.assert_array_equal(a, b)
        assert len({text.casefold() for text in group.texts}) == 3
        lengths = [len(text) for text in group.texts]
        assert max(lengths) <= 2 * min(lengths)
        same = make.render_group((number, 2), 2, ['TwiN', 'TwiN'])
        np.testing.assert_array_equal(same.images[0], same.images[1])
        np.testing.assert_array_equal(same.glyphs[0], same.glyphs[1])
    assert make.render_group((1, ), 1).style_id != make.render_group((2, ), 1).style_id


def test_glyphs_are_numbered_as_in_the_texts(library):
    make = preset_renderer(library, 'style_pairs')
    for number in range(10):
        group = make.render_group((number, ), 4)
        for text, glyphs in zip(group.texts, group.glyphs):
            assert set(np.unique(glyphs)) - {0} == set(range(1, len(text) + 1)), text
            middles = [np.nonzero(glyphs == k + 1)[1].mean() for k in range(len(text))]
            assert middles == sorted(middles)


def test_order_does_not_matter_in_the_natural_layout(library):
    make = renderer(library, jpeg=1.0, noise=1.0, tone=1.0)
    one, two = (make.render_group((3, ), 2, texts, 'natural')
                for texts in (['Signal', 'tea'], ['tea', 'Signal']))
    for k in range(2):
        np.testing.assert_array_equal(one.images[k], two.images[1 - k])


def straight(library):
    return renderer(library, angle=0.0, shear=0.0, perspective=0.0, stretch=(1, 1), spacing=(0, 0),
                    elastic=0.0, height=(32, 200), cap_height=(30, 30))


def test_words_stand_on_one_line_about_one_middle(library):
    group = straight(library).render_group((1, ), 3, ['ace', 'gAp', 'WIDE'], 'natural')
    boxes = [cv2.boundingRect(glyphs) for glyphs in group.glyphs]
    middles = [x + w / 2 for x, _, w, _ in boxes]
    assert np.ptp(middles) <= 2 and len({w for _, _, w, _ in boxes}) == 3
    # The bottom of 'ace', of the A, and of 'WIDE'.
    capital = cv2.boundingRect((group.glyphs[1] == 2).view(np.uint8))
    bottoms = [boxes[0][1] + boxes[0][3], capital[1] + capital[3], boxes[2][1] + boxes[2][3]]
    assert np.ptp(bottoms) <= 2


def test_fit_stretches_words_to_the_width_of_the_first(library):
    for seed in range(3):
        group = straight(library).render_group((seed, ), 3, ['middle', 'WIDER', 'lilac'], 'fit')
        boxes = np.array([cv2.boundingRect(glyphs) for glyphs in group.glyphs])
        # Thin ends of strokes are not numbered everywhere.
        assert np.ptp(boxes[:, 0]) <= 4 and np.ptp(boxes[:, 2]) <= 4
    layouts = {straight(library).render_group((seed, ), 1, ['a']).layout for seed in range(12)}
    assert layouts == {'fit', 'natural'}


def test_a_text_without_ink_is_the_background(library):
    make = renderer(library)
    group = make.render_group((0, ), 3, ['', 'word', ' '])
    for k in (0, 2):
        np.testing.assert_array_equal(group.images[k], group.background)
        assert not group.glyphs[k].any() and group.word(k).boxes.shape == (len(group.texts[k]), 4)
    with pytest.raises(ValueError, match='anything to write'):
        make.render_group((0, ), 2, ['', ' '])


def test_a_member_by_itself_has_the_margins_of_the_group(library):
    group = straight(library).render_group((2, ), 2, ['IT', 'Weighty'], 'natural')
    x, y, w, h = cv2.boundingRect(np.maximum.reduce(group.glyphs))
    height, width = group.background.shape[:2]
    for k in range(2):
        word = group.word(k)
        left, top, wide, high = cv2.boundingRect(word.glyphs)
        assert (left, top) == (x, y)
        assert word.image.shape == (top + high + height - y - h, left + wide + width - x - w, 3)
        assert word.image.shape[:2] == word.glyphs.shape and word.text == group.texts[k]
        assert word.glyphs.max() == len(word.text)


def test_faces_without_small_letters_and_characters_that_a_face_lacks(library):
    capitals = FontLibrary([replace(face, unicase=True) for face in library.faces], ALNUM)
    assert renderer(capitals).render_group((0, ), 2, ['ab', 'Cd']).texts == ['AB', 'CD']
    # Words that differ in their case only are the same there, and here.
    group = renderer(library, Listed('sea', 'Sea', 'SEA', 'tea')).render_group((0, ), 2)
    assert group.texts == ['sea', 'tea']
    few = FontLibrary([replace(face, characters=frozenset('abc')) for face in library.faces], 'abc')
    assert renderer(few, Listed('abd', 'cab', 'bad', 'abc')).render_group((0, ), 2).texts == [
        'cab', 'abc']
    with pytest.raises(ValueError, match="no single font can write 'abcde'"):
        renderer(few).render_group((0, ), 2, ['abc', 'de'])


def test_words_of_a_group_are_about_as_long(library):
    words = Listed('ab', 'abcde', 'iiiiii', 'abcd', 'xyz')
    assert renderer(library, words).render_group((0, ), 3).texts == ['ab', 'abcd', 'xyz']
    # Six letters, but not even half as wide as four.
    words = Listed('WWWW', 'iiiiii', 'WWWM')
    assert renderer(library, words).render_group((0, ), 2).texts == ['WWWW', 'WWWM']
    with pytest.raises(ValueError, match='found no 3 different words'):
        renderer(library, Listed('one', 'two')).render_group((0, ), 3)


@pytest.mark.parametrize('arguments, message', [
    ((0, ), 'at least one word'), ((2, ['a']), 'there are 1 texts'),
    ((1, ['a'], 'wide'), "layout must be one of")])
def test_bad_arguments(library, arguments, message):
    with pytest.raises(ValueError, match=message):
        renderer(library).render_group((0, ), *arguments)

import numpy as np
import pytest

from mmocr_siga.visualization import glyph_drawing as gd


def parts(length=4, seed=0):
    rng = np.random.default_rng(seed)
    return dict(
        image=rng.integers(0, 256, (32, 100, 3), np.uint8),
        text='ABCDEFGHIJKLMNOPQRSTUVWXY'[:length], scores=rng.uniform(0.2, 1, length).tolist(),
        truth='ABCD', text_mask=rng.random((32, 128)) > 0.5,
        attention=rng.random((26, 32)),
        glyph_maps={'fine': rng.random((26, 16, 64)), 'coarse': rng.random((26, 8, 32))})


def regions():
    """Boxes of all panels, without their captions, and height and width of the picture."""
    boxes, y = {}, 44 + 20
    for names in (('image', 'text_mask'), ('attention', 'attention_rows'), ('fine', 'fine_tiles'),
                  ('coarse', 'coarse_tiles')):
        boxes.update({name: (x, y, x + 480, y + 112) for name, x in zip(names, (12, 504))})
        y += 112 + 12 + 20
    return dict(boxes, confidence=(12, y, 984, y + 92)), (y + 92 + 12, 996)


def changed_panels(first, second):
    """Names of the panels with any changed pixel; the rest of the picture must agree."""
    boxes, _ = regions()
    different = (first != second).any(2)
    names = {n for n, (x0, y0, x1, y1) in boxes.items() if different[y0:y1, x0:x1].any()}
    for x0, y0, x1, y1 in boxes.values():
        different[y0:y1, x0:x1] = False
    assert not different.any()
    return names


@pytest.mark.parametrize('length', [0, 1, 4, 25])
@pytest.mark.parametrize('shape', [(32, 100, 3), (3, 400), (2, 900, 1), (200, 3), (1, 1)])
def test_words_and_pictures_of_all_sizes(length, shape):
    given, keep = (dict(parts(length), image=np.full(shape, 90, np.uint8)) for _ in range(2))
    picture = gd.draw_reading(**given)
    assert picture.shape == (*regions()[1], 3) and picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, gd.draw_reading(**given))
    np.testing.assert_equal(given, keep)  # nothing was written into


@pytest.mark.parametrize('change, expected', [
    (dict(attention=lambda a: a[::-1]), {'attention', 'attention_rows'}),
    (dict(fine=lambda a: a[::-1]), {'fine', 'fine_tiles'}),
    (dict(coarse=lambda a: a[::-1]), {'coarse', 'coarse_tiles'}),
    (dict(text_mask=lambda a: ~a), {'text_mask'}),
    (dict(scores=lambda a: [*a[:2], a[2] / 3, a[3]]), {'confidence'}),
    (dict(char_boxes=lambda _: np.full((4, 4), 9.)), {'image'}),
    # Steps after the end of the word are not drawn.
    (dict(attention=lambda a: np.concatenate([a[:4], 9 + a[4:]])), set()),
    (dict(fine=lambda a: np.concatenate([a[:4], 9 + a[4:]])), set())])
def test_a_part_changes_its_own_panels_only(change, expected):
    given, other = parts(), parts()
    (name, new), = change.items()
    place = other['glyph_maps'] if name in other['glyph_maps'] else other
    place[name] = new(place.get(name))
    assert changed_panels(gd.draw_reading(**given), gd.draw_reading(**other)) == expected


def test_overlay_paints_the_strongest_character():
    image = np.full((10, 40, 3), 128, np.uint8)
    maps = np.zeros((2, 1, 4), np.float32)
    maps[0, 0, 0], maps[1, 0, 3] = 5.0, 0.01  # each is scaled to its own peak
    picture = gd.overlay(image, maps)
    first, second = (0.75 * gd.character_colors(2) + 0.25 * 128).round()
    np.testing.assert_array_equal(picture[5, [0, -1, 20]], [first, second, [128] * 3])
    # Weights without sense are survived.
    np.testing.assert_array_equal(
        gd.normalized(np.array([[0, 0, 0], [-1, 2, 4], [np.nan, np.inf, 3]])),
        np.float32([[0, 0, 0], [0, 0.5, 1], [0, 0, 1]]))


def test_a_text_mask_is_shown_as_it_is_and_boxes_over_the_image():
    given = dict(parts(2), image=np.full((28, 120, 3), 200, np.uint8),  # enlarged four times
                 text_mask=np.repeat([[True, False]], 2, 0),
                 char_boxes=[[10, 5, 30, 20], [60, 0, 120, 28]])
    picture, boxes = gd.draw_reading(**given), regions()[0]
    mask, shown = (picture[y0:y0 + 112, x0:x0 + 480] for x0, y0, _, _ in (
        boxes['text_mask'], boxes['image']))
    assert (mask[:, :239] == 255).all() and (mask[:, 241:] == 0).all()
    for box, color in zip(([40, 20, 120, 80], [240, 0, 480, 112]), gd.character_colors(2)):
        rows, columns = np.nonzero((shown == color).all(2))
        np.testing.assert_allclose([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1],
                                   box, atol=2)


def test_pixels_have_the_color_of_the_character_that_looked_at_them_most():
    pixels = np.full((2, 28, 120), np.nan)
    pixels[:, 5, 10], pixels[:, 20, 100], pixels[:, 9, 50] = (0.2, 0.1), (0., 0.4), (0., 0.)
    given = dict(parts(2), image=np.full((28, 120, 3), 200, np.uint8), pixels=pixels)
    del given['text_mask']  # whose panel it takes
    x0, y0, _, _ = regions()[0]['text_mask']
    shown = gd.draw_reading(**given)[y0:y0 + 112, x0:x0 + 480][2::4, 2::4]  # enlarged four times
    assert (shown == 255).all(2).sum() == 28 * 120 - 3
    first, second = gd.character_colors(2)
    np.testing.assert_array_equal(shown[[5, 20, 9], [10, 100, 50]], [first, second, [190] * 3])
    given['text_mask'] = np.ones((28, 120), bool)
    assert len(gd.draw_reading(**given)) == regions()[1][0] + 112 + 12 + 20


def test_bar_height_follows_the_score():
    given = parts(1)
    x0, y0, x1, y1 = regions()[0]['confidence']
    heights = []
    for score in (0.0, 0.5, 1.0, float('nan'), 7.0):
        given['scores'] = [score]
        box = gd.draw_reading(**given)[y0:y1, x0:x1]
        heights.append(int((box[:, 30] == gd.character_colors(1)[0]).all(1).sum()))
    full = gd.BARS - 22 - 16 + 1
    assert heights == [0, pytest.approx(full / 2, abs=1), full, 0, full]


def test_missing_parts_leave_no_gap():
    given = parts()
    image, row = given['image'], gd.CAPTION + gd.CELL[1] + gd.GAP
    alone = {name: given[name] for name in ('image', 'text', 'scores')}
    height = gd.draw_reading(**given).shape[0] - 3 * row
    assert gd.draw_reading(**alone).shape[0] == height
    assert gd.draw_reading(**alone, text_mask=given['text_mask']).shape[0] == height
    # A word that was not read.
    picture = gd.draw_reading(image, text=None)
    assert picture.shape[0] == gd.TITLE + row and (picture[:gd.TITLE - 10] == 255).all()
    labelled = gd.draw_reading(image, text=None, truth='ABCD')
    assert (labelled[:gd.TITLE] != 255).any()
    np.testing.assert_array_equal(labelled[gd.TITLE:], picture[gd.TITLE:])


@pytest.mark.parametrize('count', [1, 2, 3, 7, 16, 25, 26])
@pytest.mark.parametrize('aspect', [0.3, 1.0, 4.0, 12.0])
def test_tiles_fit_the_cell(count, aspect):
    columns, rows, width, height = gd.tile_grid(count, aspect)
    assert columns * rows >= count and width >= 1 and height >= 1
    assert columns * (width + 3) <= gd.CELL[0] and rows * (height + 3) <= gd.CELL[1] + 3


@pytest.mark.parametrize('read, label, same', [
    ('abc', 'A-b.C', True), ('', '', True), ('?!', '?!', True), ('abd', 'abc', False),
    ('', '!', False), ('', 'a', False)])
def test_same_word(read, label, same):
    assert gd.same_word(read, label) == same


@pytest.mark.parametrize('change, message', [
    (dict(scores=[0.5]), "scores has 1 values for the 4 characters of 'ABCD'"),
    (dict(attention=np.ones((3, 32))), r'attention must be \(T, w\) with T >= 4'),
    (dict(attention=np.ones((4, 8, 32))), 'attention must be'),
    (dict(glyph_maps={'fine': np.ones((5, 32))}), r"glyph_maps\['fine'\] must be \(T, h, w\)"),
    (dict(text_mask=np.ones((1, 32, 128))), 'text_mask must be'),
    (dict(char_boxes=np.ones((3, 4))), r'char_boxes must be \(4, 4\).*got shape \(3, 4\)'),
    (dict(image=np.ones((32, 128, 5), np.uint8)), 'its shape is'),
    (dict(image=np.ones((0, 128, 3), np.uint8)), 'no pixels')])
def test_wrong_shapes_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        gd.draw_reading(**{**parts(), **change})

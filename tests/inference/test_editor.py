"""Editing by a small untrained network, and by one that draws what the test wants."""
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.apis import WordEditor
from mmocr_siga.images import encode_picture
from mmocr_siga.inference.editor import find_words, stretched, word_layers
from mmocr_siga.structures.encodings import ErasedImages, StyledImages
from mmocr_siga.structures.results import SceneResult, SpottedWord
from tests.helpers.editors import ToldReader, editor_files, noise, scene
from tests.helpers.readers import reader_files

BOARD, PAINT = (0.2, 0.4, 0.6), (0.8, 0.6, 0.0)  # RGB
OLD, NEW = np.s_[8:24, 40:72], np.s_[8:24, 60:100]  # rows and columns of the network


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return editor_files(tmp_path_factory.mktemp('editor'))


@pytest.fixture(scope='module')
def editor(files):
    return WordEditor(*files, device='cpu', reader=ToldReader())


@pytest.fixture
def drawn(editor, monkeypatch):
    """The editor with a network that sees text at OLD and writes at NEW; gives the old texts that
    it is told."""
    told = []

    def constant(count, color):
        return torch.tensor(color).view(1, 3, 1, 1).expand(count, 3, 32, 128)

    def erase(images):
        mask = torch.full((len(images), 1, 32, 128), 0.01)
        mask[:, 0][(slice(None), *OLD)] = 1
        return ErasedImages(constant(len(images), BOARD), mask)

    def edit(images, texts, old_texts):
        told.extend(old_texts)
        coverage = torch.full((len(images), 1, 32, 128), 0.01)
        coverage[:, 0][(slice(None), *NEW)] = 1
        erased = erase(images)
        return StyledImages(erased.board, erased.board, constant(len(images), PAINT), coverage,
                            erased.source_mask)

    monkeypatch.setattr(editor.model, 'erase', erase)
    monkeypatch.setattr(editor.model, 'edit', edit)
    return SimpleNamespace(editor=editor, told=told)


def scaled(place, factor, margin):
    """Pixels of an enlarged picture, with a margin of the network's pixels or without one."""
    return tuple(slice(int(factor * (s.start - margin)), int(factor * (s.stop + margin)))
                 for s in place)


def test_what_is_drawn_where_and_what_stays(drawn):
    # Four times as large as what the network sees; its board is a little brighter.
    picture = (noise(128, 512) // 16 + np.array([140, 90, 40])).astype(np.uint8)
    picture[scaled(OLD, 4, 0)] = ink = [20, 10, 230]
    result, = drawn.editor.edit(picture, 'NEW')
    kept = np.ones((128, 512), bool)
    kept[scaled(OLD, 4, 4)] = kept[scaled(NEW, 4, 2)] = False
    assert kept.mean() > 0.4 and (result.picture[kept] == picture[kept]).all()
    new, old = np.zeros((2, 128, 512), bool)
    new[scaled(NEW, 4, -1)] = old[scaled(OLD, 4, -1)] = True
    old[scaled(NEW, 4, 2)] = False
    np.testing.assert_allclose(result.picture[new].mean(0), ink, atol=8)  # resampling overshoots
    assert not result.picture[new].std(0).any()
    np.testing.assert_allclose(result.picture[old].mean(0), [147.5, 97.5, 47.5], atol=1)
    assert result.picture[old].std(0).max() < 1
    gone, = drawn.editor.erase(picture)
    everything = np.zeros((128, 512), bool)
    everything[scaled(OLD, 4, 0)] = True
    np.testing.assert_allclose(gone.picture[everything].mean(0), [147.5, 97.5, 47.5], atol=1)
    everything[scaled(OLD, 4, 4)] = True
    assert (gone.picture[~everything] == picture[~everything]).all()
    assert gone.words[0].text is None and gone.words[0].polygon is None


def test_shares_of_next_to_nothing_are_nothing():
    source, coverage = np.full((2, 32, 128), 0.03, np.float32)
    source[10, 20] = 0.9
    board = np.zeros((32, 128, 3), np.float32)
    layers = word_layers(board, source, board, coverage)
    assert layers.coverage.max() == 0 and (layers.removed > 0).sum() == 21 - 4  # a disc of 5 x 5
    assert layers.removed.max() == 1 and layers.removed[10, 20:23].min() == 1
    assert word_layers(board, source).coverage.max() == 0


def test_the_board_takes_its_shade_from_what_is_kept():
    y, x = np.mgrid[:32, :128].astype(np.float32)
    true = np.stack([100 + x / 4, 80 + y, 120 - x / 8], 2)
    source = np.zeros((32, 128), np.float32)
    source[12:20, 30:90] = 1
    picture = np.where(source[..., None] > 0, np.float32(255), true)
    layers = word_layers(true + [9, -6, 4], source, picture=picture.astype(np.float32))
    np.testing.assert_allclose(layers.board, true, atol=0.1)
    everywhere = word_layers(true, np.ones_like(source), picture=picture)
    assert (everywhere.board == np.float32(true)).all()


def test_faint_pictures_are_stretched_by_channel_and_others_left_alone():
    ramp = torch.arange(101.)[None].expand(3, 32, 101)  # 8 % lie below 8, as many above 92
    faint = (100 + torch.tensor([0.25, 0.5, 0.1]).view(3, 1, 1) * ramp).round().byte()
    shown, (gain, offset) = stretched(faint)
    # Green has most contrast, 104 to 146; the middles of blue, green and red are 112.5, 125, 105.
    assert gain == pytest.approx(220 / 42, abs=0.02)
    np.testing.assert_allclose(offset, 127.5 - gain * np.array([112.5, 125, 105]), atol=gain / 2)
    assert shown.dtype == torch.uint8 and shown.shape == faint.shape
    back = (shown[1, :, 10:90].numpy() - offset[1]) / gain
    np.testing.assert_allclose(back, faint[1, :, 10:90], atol=0.51 / gain)
    assert shown[1].min() == 0 and shown[1].max() == 255  # what lies beyond
    strong = (faint.float() * 255 / 150).byte() * torch.tensor([0, 1]).byte().repeat(51)[:101]
    assert stretched(strong)[0] is strong and stretched(strong)[1][0] == 1
    even, (gain, _) = stretched(torch.full((3, 4, 4), 30, dtype=torch.uint8))
    assert gain == 6 and (even == 128).all()


def test_a_faint_word_is_edited_as_a_strong_one(editor):
    strong = np.where(noise(32, 128)[..., :1] < 128, 17, 238).repeat(3, 2).astype(np.uint8)
    faint = (strong.astype(float) / 4 + 90).round().astype(np.uint8)
    of_strong, of_faint = (result.picture.astype(float) for result in editor.edit(
        [strong, faint], 'NEW'))
    assert np.abs(of_strong - strong).mean() > 4
    np.testing.assert_allclose(of_strong / 4 + 90, of_faint, atol=2)


def test_paint_takes_its_color_from_the_ink_of_the_old_text():
    """A red word whose border pixels are half board; the network wrote gray, a darker left half."""
    red, board = np.float32([20, 30, 200]), np.full((32, 128, 3), 220, np.float32)
    source, coverage = np.zeros((2, 32, 128), np.float32)
    source[8:24, 40:72] = coverage[8:24, 60:100] = 1
    picture = board.copy()
    picture[8:24, 40:72] = (red + 220) / 2
    picture[9:23, 42:70] = red
    paint = np.full_like(board, 100)
    paint[:, :80] = 80
    paint[0, 0] = 250
    layers = word_layers(board, source, paint, coverage, picture)
    # Half of the 16 x 40 pixels differ most: those of 80. They become red, and the others as much.
    np.testing.assert_allclose(layers.paint[8:24, 60:80], np.broadcast_to(red, (16, 20, 3)), atol=1)
    np.testing.assert_allclose(layers.paint[8:24, 80:100] - layers.paint[8:24, 60:80], 20, atol=1)
    np.testing.assert_allclose(layers.paint[0, 0], [190, 200, 255], atol=1)
    assert (word_layers(board, 0 * source, paint, coverage, picture).paint == paint).all()
    assert (word_layers(board, source, paint, 0 * coverage, picture).paint == paint).all()


@pytest.mark.parametrize('outline', [
    [60.5, 30, 190, 30, 190, 90, 60.5, 90], [40, 30, 200, 60, 190, 110, 45, 80],
    [30, 90, 60, 40, 110, 20, 160, 40, 190, 90, 160, 100, 135, 65, 110, 55, 85, 65, 60, 100],
    [-20, 20, 90, 20, 90, 60, -20, 60], [100, 10, 130, 10, 130, 110, 100, 110]],
    ids=['box', 'quad', 'curved', 'half outside', 'high'])
@pytest.mark.parametrize('text', ['NEW', None])
def test_nothing_outside_of_a_region_changes(editor, outline, text):
    picture = noise(120, 220)
    result, = (editor.erase(picture, [[outline]]) if text is None else
               editor.edit([picture], text, [[outline]]))
    mask = np.zeros((120 * 16, 220 * 16), np.uint8)
    points = np.reshape(outline, (-1, 2))
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255)
    inside = cv2.resize(mask, (220, 120), interpolation=cv2.INTER_AREA) > 0
    assert (result.picture[~inside] == picture[~inside]).all()
    assert (result.picture != picture)[inside].mean() > 0.5
    assert result.words[0].polygon == points.tolist() and result.skipped == []


def test_the_result_is_read_and_so_is_what_was_there(drawn):
    drawn.editor.reader.tell = lambda crop: (
        'old' if np.ptp(crop[20:44, 150:190], (0, 1)).any() else 'new')  # there paint is even
    try:
        result, = drawn.editor.edit(noise(64, 256), 'new')
        word, = result.words
        assert (word.before, word.text, word.reading, word.score) == ('old', 'new', 'new', 0.5)
        assert word.right
        assert not drawn.editor.edit(noise(64, 256), 'other')[0].words[0].right
        # In NFC, as readers have it.
        drawn.editor.reader.tell = lambda crop: '\u00e9'
        assert drawn.editor.edit(noise(64, 256), 'e\u0301')[0].words[0].right
    finally:
        drawn.editor.reader.tell = lambda crop: 'word'


def test_high_words_are_edited_as_they_read_best(editor, monkeypatch):
    # A bright half tells which side is up.
    picture = noise(200, 60)
    picture[:, :30] = picture[:, :30] // 4
    picture[:, 30:] = 255 - picture[:, 30:] // 4
    monkeypatch.setattr(editor.reader, 'tell', lambda crop: (
        'downwards' if crop[:len(crop) // 2].mean() > 2 * crop[len(crop) // 2:].mean() else ''))
    monkeypatch.setattr(editor.reader, 'crops', [])
    result, = editor.edit(picture, 'NEW', None)
    assert result.words[0].before == 'downwards' and len(editor.reader.crops) == 4
    assert [crop.shape[0] < crop.shape[1] for crop in editor.reader.crops] == [
        True, True, False, True]


def test_the_network_is_told_what_was_read_before(drawn, monkeypatch):
    """By which it knows how large the letters are."""
    monkeypatch.setattr(drawn.editor.reader, 'tell', lambda crop: 'Type')
    drawn.editor.edit(noise(64, 256), 'NEW')
    assert drawn.told == ['Type']


@pytest.mark.parametrize('picture', [
    noise(1, 1), noise(1, 300), noise(300, 1), noise(20, 90)[..., 0], noise(20, 90)[..., :1],
    np.dstack([noise(20, 90), noise(20, 90)[..., 0]]), noise(9, 33_000), noise(1100, 2100)],
    ids=['pixel', 'row', 'column', 'gray', 'gray, one channel', 'alpha', 'long', 'large'])
def test_pictures_of_all_kinds(editor, picture):
    result, = editor.edit(picture, 'NEW')
    assert result.error is None and result.skipped == []
    assert result.picture.shape == (*picture.shape[:2], 3) and result.picture.dtype == np.uint8
    data = encode_picture(picture, '.png')
    if picture.shape[-1] != 4:
        assert (editor.edit(data, 'NEW')[0].picture == result.picture).all()


def test_where_nothing_is_drawn_gray_and_alpha_are_what_readers_see(drawn):
    gray = noise(32, 128)[..., 0]
    result, = drawn.editor.edit(gray, 'NEW')
    assert (result.picture[:, :30] == gray[:, :30, None]).all()
    opaque = np.dstack([noise(32, 128), np.full((32, 128), 255, np.uint8)])
    result, = drawn.editor.edit(opaque, 'NEW')
    assert (result.picture[:, :30] == opaque[:, :30, :3]).all()


def test_one_bad_input_never_costs_the_others(editor, tmp_path):
    (tmp_path / 'bad.png').write_text('not a picture')
    pictures = [noise(40, 90), str(tmp_path / 'bad.png'), noise(40, 90, seed=1)]
    first, bad, third = editor.edit(pictures, ['ok', 'ok', '\u5b57'])
    assert first.words and 'no picture' in bad.error and bad.picture is None
    assert "the plain face lacks '\u5b57'" in third.skipped[0].reason and third.words == []
    assert (third.picture == pictures[2]).all()
    picture, boxes = scene()
    outside = [400, 10, 450, 10, 450, 40, 400, 40]
    result, = editor.edit(picture, [['NEW', ' ', 'NEW']], [[*boxes, outside]])
    assert [word.text for word in result.words] == ['NEW']
    assert [region.reason for region in result.skipped] == [
        'the text is empty: erase the word in place of that',
        'the polygon lies outside the picture of 300 x 200 pixels']


def test_a_batch_edits_as_each_alone(editor):
    pictures = [noise(40, 90 + 30 * (i % 3), seed=i) for i in range(40)]
    texts = [f'word{i}' for i in range(40)]
    together = editor.edit(pictures, texts)
    for i in (0, 1, 31, 32, 39):
        alone, = editor.edit(pictures[i], texts[i])
        gap = np.abs(alone.picture.astype(int) - together[i].picture)
        assert gap.max() <= 1 and (gap > 0).mean() < 0.01
    picture, boxes = scene()
    both, = editor.edit(picture, 'NEW', [boxes])
    for (left, top, right, _, _, bottom, *_), box in zip(boxes, boxes):
        alone, = editor.edit(picture, 'NEW', [[box]])
        gap = np.abs(alone.picture.astype(int) - both.picture)[top:bottom, left:right]
        assert gap.max() <= 1


@pytest.mark.parametrize('texts, polygons, message', [
    (['a'], None, '2 pictures need as many texts, but there are 1'),
    ('a', [[]], '2 pictures need as many lists of polygons, but there are 1'),
    ([['a'], ['a']], [[[0, 0, 9, 0, 9, 9]], []], '0 polygons, but 1 texts')])
def test_numbers_that_differ(editor, texts, polygons, message):
    with pytest.raises(ValueError, match=message):
        editor.edit([noise(20, 20)] * 2, texts, polygons)


def test_models_that_cannot_edit(files, tmp_path):
    with pytest.raises(ValueError, match='GlyphRecognizer without an image_head reads only'):
        WordEditor(*reader_files(tmp_path), device='cpu', reader=ToldReader())
    with pytest.raises(ValueError, match='needs weights'):
        WordEditor(files[0], reader=ToldReader())
    with pytest.raises(FileNotFoundError, match="'no_such' is neither the path of a config nor"):
        WordEditor('no_such', reader=ToldReader())


def test_words_are_found_by_what_they_read():
    texts = ['Exit', 'exit', 'Bar']
    found = SceneResult(words=[SpottedWord([[i, i]], text, 1.) for i, text in enumerate(texts)])

    def spot(images, return_char_polygons):
        return [found]

    assert find_words(spot, None, 'exit') == [[[1, 1]]]
    assert find_words(spot, None, 'EXIT') == [[[0, 0]], [[1, 1]]]
    with pytest.raises(ValueError, match="'Out' is not read in the picture, but 'Exit', 'exit'"):
        find_words(spot, None, 'Out')

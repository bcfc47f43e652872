import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets import SplitWord

# Four characters of 4 x 12 pixels, the third without ink.
GLYPHS = np.repeat([[0, 1, 1, 0, 2, 2, 2, 0, 0, 4, 4, 0]], 4, 0).astype(np.uint8)
IMAGE = np.broadcast_to(np.arange(12, dtype=np.uint8)[None, :, None], (4, 12, 3))
BOXES = [[1, 0, 2, 4], [4, 0, 3, 4], [0, 0, 0, 0], [9, 0, 2, 4]]


class Scripted:
    """A generator that draws what it is told, and keeps the bounds it was asked for."""

    def __init__(self, *values):
        self.values, self.asked = list(values), []

    def integers(self, low, high=None, endpoint=False):
        low, high = (0, low) if high is None else (low, high)
        self.asked.append((low, high + endpoint))
        value = self.values.pop(0)
        assert low <= value < high + endpoint
        return value


def sample(text='ab1d', **more):
    return dict(img=IMAGE, instances=[dict(text=text)], img_path='p', **more)


@pytest.mark.parametrize('first, last, left, right, text', [
    (0, 0, 0, 3, 'a'), (0, 3, 0, 11, 'ab1d'), (1, 1, 3, 7, 'b'), (1, 2, 3, 7, 'b1'),
    (3, 3, 7, 11, 'd'), (0, 1, 0, 7, 'ab')])
def test_cuts_are_right_edges(first, last, left, right, text):
    rng = Scripted(2, first, last, 2, 2)
    piece, = SplitWord().pieces(rng, IMAGE, 'ab1d', BOXES)
    assert piece.text == text and piece.image[0, :, 0].tolist() == list(range(left, right))
    # 2 to 4 pieces of a word with letters; the third character alone has no ink, and no piece.
    assert rng.asked == [(2, 5), (0, 4), (first, 4), (0, 4), (2, 4)]


@pytest.mark.parametrize('text, low, high', [
    ('ab', 2, 2), ('abcdefghij', 2, 10), ('12', 1, 1), ('1234567890', 1, 7), ('123456789a', 2, 10)])
def test_numbers_of_pieces(text, low, high):
    boxes = [[4 * k, 0, 4, 8] for k in range(len(text))]
    image = np.zeros((8, 4 * len(text), 3), np.uint8)
    counts = [len(SplitWord().pieces(np.random.default_rng(seed), image, text, boxes))
              for seed in range(300)]
    assert set(counts) == set(range(low, high + 1))
    assert counts == [len(SplitWord().pieces(np.random.default_rng(seed), image, text, boxes))
                      for seed in range(300)]


def test_the_transform_takes_boxes_or_a_glyph_map():
    split = TRANSFORMS.build(dict(type='SplitWord'))
    found = []
    for more in (dict(gt_glyph_map=GLYPHS), {}):
        results = sample(**more)
        if not more:
            results['instances'][0]['char_boxes'] = BOXES
        np.random.seed(4)
        found.append(split(results)['pieces'])
    assert [p['instances'] for p in found[0]] == [p['instances'] for p in found[1]] != []
    for piece in found[0]:
        assert piece['img'].shape[:2] == piece['img_shape'] and piece['img'].shape[0] == 4
        assert piece['instances'][0]['text'] in 'ab1d' and piece['img_path'] == 'p'
    with pytest.raises(KeyError, match="char_boxes .* or by gt_glyph_map, but the results hold"):
        split(sample())


@pytest.mark.parametrize('text, boxes', [
    ('a', BOXES[:1]), ('', []), ('abc', BOXES), ('ab', np.zeros((0, 4), int)),
    ('ab', [[0, 0, 0, 0]] * 2), ('  ', BOXES[:2])])
def test_words_that_cannot_be_split(text, boxes):
    assert SplitWord().pieces(np.random.default_rng(0), IMAGE, text, boxes) == []


def test_boxes_beyond_the_picture_and_slanted_letters():
    # The right edge of the second letter is left of the first one's.
    rng = Scripted(2, 1, 1, 0, 2)
    boxes = [[0, 0, 6, 4], [2, 0, 3, 4], [8, 0, 90, 4]]
    piece, = SplitWord().pieces(rng, IMAGE, 'abc', boxes)
    assert piece.text == 'abc' and piece.image.shape == (4, 12, 3)
    with pytest.raises(ValueError, match='min_width'):
        SplitWord(min_width=0)

import numpy as np
import pytest

from mmocr_siga.inference.tta import looks
from mmocr_siga.inference.word_reading import WordReading, better_reading, taken_back


@pytest.mark.parametrize('one, other, want', [
    (('cat', 0.4), ('car', 0.5), 'car'),
    (('cat', 0.5), ('car', 0.5), 'cat'),
    (('', 0.9), ('car', 0.1), 'car'),
    (('cat', 0.1), ('', 0.9), 'cat'),
    (('', 0.1), ('', 0.2), ''),
])
def test_the_more_probable_reading_counts(one, other, want):
    better = better_reading(WordReading(text=one[0], score=one[1]),
                            WordReading(text=other[0], score=other[1]))
    assert better.text == want and better.nbest is None


def test_the_n_best_of_both():
    one = WordReading(text='cat', score=0.4, nbest=[('cat', 0.4), ('car', 0.3), ('ca', 0.1)])
    other = WordReading(text='car', score=0.5, nbest=[('car', 0.5), ('cap', 0.35), ('cat', 0.05)])
    better = better_reading(one, other)
    assert (better.text, better.score) == ('car', 0.5)
    assert better.nbest == [('car', 0.5), ('cat', 0.4), ('cap', 0.35)]


def test_the_first_of_the_n_best_is_the_text_even_if_nothing_was_more_probable():
    one = WordReading(text='', score=0.4, nbest=[('', 0.4), ('a', 0.3)])
    other = WordReading(text='b', score=0.2, nbest=[('b', 0.2), ('', 0.1)])
    assert better_reading(one, other).nbest == [('b', 0.2), ('', 0.4)]


def test_places_are_taken_back():
    image = np.zeros((50, 100, 3), np.uint8)
    wider, seen = next((look, seen) for look, seen in looks(image) if look.name == 'wider')
    mask = np.zeros(seen.shape[:2], np.uint8)
    mask[16:26, 26:36] = 1
    first = WordReading('file.png', size=(100, 50))
    reading = WordReading(text='a', char_boxes=[[26.0, 16.0, 36.0, 26.0]], mask=mask,
                          size=wider.size)
    back = taken_back(reading, wider, first)
    assert (back.path, back.size, back.look) == ('file.png', (100, 50), wider)
    # Six pixels are added to each side.
    np.testing.assert_allclose(back.char_boxes, [[20, 10, 30, 20]])
    assert back.mask.shape == (50, 100)
    ys, xs = np.nonzero(back.mask)
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (20, 29, 10, 19)
    assert set(back.to_dict()) == {'path', 'text', 'score', 'char_scores', 'char_boxes'}

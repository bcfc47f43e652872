import numpy as np
import pytest

from mmocr_siga.apis import SkippedRegion, SpottedWord
from mmocr_siga.visualization import draw_scene
from mmocr_siga.visualization.canvas import GAP
from mmocr_siga.visualization.scene_drawing import SIDES, scene_scale

BLACK = np.zeros((600, 800, 3), np.uint8)
BOX = [[100, 100], [300, 100], [300, 160], [100, 160]]


def word(polygon=BOX, text='word', places=None):
    return SpottedWord(polygon, text, .9, char_polygons=places)


def colored(picture):
    """Pixels that are not gray."""
    return picture.max(-1).astype(int) - picture.min(-1) > 40


def test_outlines_and_texts_have_their_places():
    picture = draw_scene(BLACK, [word()])
    assert picture.shape == (2 * 600 + GAP, 800, 3) and picture.dtype == np.uint8
    rows, columns = np.nonzero(colored(picture[:600]))
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == pytest.approx(
        (100, 300, 100, 160), abs=2)
    texts = colored(picture[600 + GAP:])
    # The outline and, within it, letters.
    rows, columns = np.nonzero(texts)
    assert rows.min() >= 98 and rows.max() <= 162
    assert texts[105:155, 105:295].sum() > 100
    assert not colored(draw_scene(BLACK, [word(text='')])[600 + GAP:])[105:155, 105:295].any()


def test_characters_and_skipped_regions():
    places = [[[100, 100], [150, 100], [150, 160], [100, 160]]]
    with_them, without = (colored(draw_scene(BLACK, [word(places=each)]))
                          for each in (places, None))
    assert with_them[110:150, 148:153].any() and not without[110:150, 148:153].any()
    # Skipped regions are crossed out.
    picture = draw_scene(BLACK, [], [SkippedRegion(BOX, 'small'), SkippedRegion(None, 'none'),
                                     SkippedRegion([[None, 1]], 'not finite')])
    assert (picture[130, 195:205] > 60).any() and not colored(picture).any()


def test_interleaved_polygons_and_gray_pictures():
    flat = [value for point in BOX for value in point]
    assert (draw_scene(BLACK[..., 0], [word(flat)]) == draw_scene(BLACK, [word()])).all()


@pytest.mark.parametrize('size, scale', [
    ((600, 800), 1), ((100, 20), SIDES[0] / 100), ((3200, 100), SIDES[1] / 3200), ((1, 1), 480)])
def test_pictures_of_all_sizes(size, scale):
    assert scene_scale(*size) == pytest.approx(scale)
    far = word([[-1e9, 0], [9, 9], [0, 9]])
    picture = draw_scene(np.zeros((*size, 3), np.uint8), [word(), far])
    assert max(picture.shape) <= 2 * SIDES[1] + GAP
    # High pictures have their texts beside them.
    assert draw_scene(BLACK[:, :500], []).shape == (600, 2 * 500 + GAP, 3)


def test_wrong_arguments():
    with pytest.raises(ValueError, match='its shape is'):
        draw_scene(BLACK[None], [])
    with pytest.raises(ValueError, match="polygon of 'word' is none"):
        draw_scene(BLACK, [word([])])

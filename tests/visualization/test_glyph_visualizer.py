from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmengine.structures import LabelData
from mmocr.engine.hooks import VisualizationHook
from mmocr.registry import VISUALIZERS
from mmocr.structures import TextRecogDataSample
from numpy.testing import assert_array_equal

from mmocr_siga.structures.explanation import Explanation
from mmocr_siga.visualization import GlyphVisualizer, draw_reading, draw_sample
from mmocr_siga.visualization.glyph_visualizer import PARTS

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (20, 70, 3), np.uint8)  # BGR
SCORES = (0.9, 0.5, 0.7)
READ = dict(text='abc', scores=SCORES, truth='abd')
FOUND = dict(
    characters=tuple('abc'), scores=SCORES, image=RNG.integers(0, 256, (32, 128, 3), np.uint8),
    whole=True, text_mask=RNG.random((32, 128)) > 0.5, attention=RNG.random((3, 32)),
    glyph_maps=dict(fine=RNG.random((3, 16, 64))), pixels=RNG.random((3, 32, 128)),
    char_boxes=np.array([[0., 0, 40, 32], [40, 0, 80, 32], [80, 0, 128, 32]]))
EXPLANATION = Explanation(**FOUND)
SHOWN = {part: FOUND[part] for part in PARTS}


def sample(text='abc', scores=SCORES, found=None, path='folder/word.png'):
    out = TextRecogDataSample(gt_text=LabelData(item='abd'),
                              pred_text=LabelData(item=text, score=list(scores)))
    out.set_metainfo(dict(img_path=str(path)))
    if found is not None:
        out.set_field(found, 'explanation')
    return out


@pytest.fixture
def visualizer(tmp_path):
    return VISUALIZERS.build(dict(
        type='GlyphVisualizer', name=f'v{tmp_path}', save_dir=str(tmp_path),
        vis_backends=[dict(type='LocalVisBackend')]))


@pytest.fixture
def sheet(visualizer):
    """The sheet in BGR that is drawn of a picture in BGR."""
    def sheet(image, *args, **options):
        rgb = image[..., ::-1] if image.ndim == 3 else image
        return visualizer.add_datasample('word', rgb, *args, **options)[..., ::-1]
    return sheet


def test_a_sheet_shows_all_there_is(sheet, tmp_path):
    shown = sheet(PICTURE, sample(found=EXPLANATION), step=7, out_file=tmp_path / 'new/sheet.png')
    # Boxes are taken from 32 x 128 to the picture's own 20 x 70.
    boxes = np.array([[0, 0, 21.875, 20], [21.875, 0, 43.75, 20], [43.75, 0, 70, 20]])
    want = draw_reading(PICTURE, **READ, **dict(SHOWN, char_boxes=boxes))
    assert_array_equal(shown, want)
    for path in ('vis_data/vis_image/word_7.png', 'new/sheet.png'):
        assert_array_equal(cv2.imread(str(tmp_path / path)), want)


def test_what_the_recognizer_saw_padded_or_straightened_is_shown():
    found = Explanation(**dict(FOUND, whole=False))
    assert_array_equal(draw_sample(PICTURE, sample(), found),
                       draw_reading(found.image, **READ, **SHOWN))


@pytest.mark.parametrize('options, want', [
    ({}, READ),
    (dict(draw_gt=False), dict(text='abc', scores=SCORES)),
    (dict(draw_pred=False), dict(text=None, truth='abd')),
    (dict(draw_gt=False, draw_pred=False), dict(text=None))])
def test_label_and_reading_can_be_left_out(visualizer, sheet, options, want):
    visualizer.reader = None if 'draw_pred' not in options else lambda image: pytest.fail('read')
    assert_array_equal(sheet(PICTURE, sample(), **options), draw_reading(PICTURE, **want))


def test_no_sample_and_gray_pictures(sheet):
    assert_array_equal(sheet(PICTURE[..., 0]), draw_reading(PICTURE[..., 0], text=None))


def test_parts_are_chosen():
    assert_array_equal(draw_sample(PICTURE, sample(), EXPLANATION, ['glyph_maps']),
                       draw_reading(PICTURE, **READ, glyph_maps=FOUND['glyph_maps']))
    for wrong in (['mask'], 'attention'):
        with pytest.raises(ValueError, match='parts must be a list of text_mask, pixels'):
            GlyphVisualizer(name='wrong', parts=wrong)


def test_a_reader_fills_in_what_samples_do_not_bring(visualizer, sheet):
    seen = []
    visualizer.reader = lambda image: seen.append(image) or EXPLANATION
    assert_array_equal(sheet(PICTURE, sample()), draw_sample(PICTURE, sample(), EXPLANATION))
    assert_array_equal(seen[0], PICTURE)  # BGR
    # An explanation of another reading than the one that is drawn is none.
    assert_array_equal(sheet(PICTURE, sample('xyz')), draw_sample(PICTURE, sample('xyz')))


def test_tokens_are_one_character():
    found = Explanation(**dict(FOUND, characters=('a', '<UKN>'), scores=SCORES[:2]))
    assert_array_equal(
        draw_sample(PICTURE, sample('a<UKN>', SCORES[:2]), found, ()),
        draw_reading(PICTURE, text='a\N{REPLACEMENT CHARACTER}', scores=SCORES[:2], truth='abd'))
    # Without one it is not known which letters are one: the mean for each.
    assert_array_equal(draw_sample(PICTURE, sample('a<UKN>', SCORES[:2])),
                       draw_reading(PICTURE, text='a<UKN>', scores=[0.7] * 6, truth='abd'))


def test_mmocrs_hook_draws_sheets(visualizer, tmp_path):
    cv2.imwrite(str(tmp_path / 'word.png'), PICTURE)
    hook = VisualizationHook(enable=True, interval=1, draw_gt=True, draw_pred=True)
    hook._visualizer = visualizer
    output = sample(found=EXPLANATION, path=tmp_path / 'word.png')
    hook.after_val_iter(SimpleNamespace(iter=30), 2, None, [output])
    assert_array_equal(cv2.imread(str(tmp_path / 'vis_data/vis_image/word_32.png')),
                       draw_sample(PICTURE, output, EXPLANATION))

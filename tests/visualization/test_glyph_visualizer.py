from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmengine.structures import LabelData
from mmocr.engine.hooks import VisualizationHook
from mmocr.registry import VISUALIZERS
from mmocr.structures import TextRecogDataSample

from mmocr_siga.structures.explanation import Explanation
from mmocr_siga.visualization import GlyphVisualizer, draw_reading, draw_sample
from mmocr_siga.visualization.glyph_visualizer import PARTS

PICTURE = np.random.default_rng(0).integers(0, 256, (20, 70, 3), np.uint8)  # BGR


def explanation(text='abc', **changes):
    rng = np.random.default_rng(1)
    length = len(text)
    return Explanation(**{**dict(
        characters=tuple(text), scores=(0.9, 0.5, 0.7)[:length],
        image=rng.integers(0, 256, (32, 128, 3), np.uint8), whole=True,
        text_mask=rng.random((32, 128)) > 0.5, attention=rng.random((length, 32)),
        glyph_maps=dict(fine=rng.random((length, 16, 64))),
        char_boxes=np.array([[0., 0, 40, 32], [40, 0, 80, 32], [80, 0, 128, 32]])[:length]),
        **changes})


def sample(text='abc', truth='abd', scores=(0.9, 0.5, 0.7), found=None):
    out = TextRecogDataSample(gt_text=LabelData(item=truth))
    out.pred_text = LabelData(item=text, score=list(scores))
    out.set_metainfo(dict(img_path='folder/word.png'))
    if found is not None:
        out.set_field(found, 'explanation')
    return out


def rgb(sheet):
    return sheet[..., ::-1]


@pytest.fixture
def visualizer(tmp_path):
    return VISUALIZERS.build(dict(
        type='GlyphVisualizer', name=f'v{tmp_path}', save_dir=str(tmp_path),
        vis_backends=[dict(type='LocalVisBackend')]))


def written(tmp_path, name):
    return cv2.imread(str(tmp_path / 'vis_data' / 'vis_image' / name))


def test_a_sheet_shows_all_there_is(visualizer, tmp_path):
    found = explanation()
    shown = visualizer.add_datasample('word', rgb(PICTURE), sample(found=found), step=7,
                                      out_file=tmp_path / 'new' / 'sheet.png')
    # Boxes are taken from 32 x 128 to the picture's own 20 x 70.
    boxes = np.array([[0, 0, 21.875, 20], [21.875, 0, 43.75, 20], [43.75, 0, 70, 20]])
    want = draw_reading(PICTURE, text='abc', scores=(0.9, 0.5, 0.7), truth='abd',
                        **dict({part: getattr(found, part) for part in PARTS}, char_boxes=boxes))
    np.testing.assert_array_equal(rgb(shown), want)
    np.testing.assert_array_equal(written(tmp_path, 'word_7.png'), want)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'new' / 'sheet.png')), want)


def test_what_the_recogniser_saw_padded_or_straightened_is_shown():
    found = explanation(whole=False)
    want = draw_reading(found.image, text='abc', scores=found.scores, truth='abd',
                        **{part: getattr(found, part) for part in PARTS})
    np.testing.assert_array_equal(draw_sample(PICTURE, sample(), found), want)


@pytest.mark.parametrize('options, want', [
    ({}, dict(text='abc', scores=[0.9, 0.5, 0.7], truth='abd')),
    (dict(draw_gt=False), dict(text='abc', scores=[0.9, 0.5, 0.7])),
    (dict(draw_pred=False), dict(text=None, truth='abd')),
    (dict(draw_gt=False, draw_pred=False), dict(text=None))])
def test_label_and_reading_can_be_left_out(visualizer, options, want):
    visualizer.reader = None if 'draw_pred' not in options else lambda image: pytest.fail('read')
    sheet = visualizer.add_datasample('word', rgb(PICTURE), sample(), **options)
    np.testing.assert_array_equal(rgb(sheet), draw_reading(PICTURE, **want))


def test_no_sample_and_grey_pictures(visualizer):
    grey = PICTURE[..., 0]
    sheet = visualizer.add_datasample('word', grey)
    np.testing.assert_array_equal(rgb(sheet), draw_reading(grey, text=None))
    with pytest.raises(ValueError, match='image must be uint8'):
        visualizer.add_datasample('word', PICTURE.astype(np.float32))


def test_parts_are_chosen():
    found = explanation()
    want = draw_reading(PICTURE, text='abc', scores=found.scores, truth='abd',
                        glyph_maps=found.glyph_maps)
    np.testing.assert_array_equal(draw_sample(PICTURE, sample(), found, ['glyph_maps']), want)
    for wrong in (['mask'], 'attention'):
        with pytest.raises(ValueError, match='parts must be a list of text_mask, attention'):
            GlyphVisualizer(name='wrong', parts=wrong)


def test_a_reader_fills_in_what_samples_do_not_bring(visualizer):
    seen, found = [], explanation()
    visualizer.reader = lambda image: seen.append(image) or found
    full = visualizer.add_datasample('word', rgb(PICTURE), sample())
    np.testing.assert_array_equal(rgb(full), draw_sample(PICTURE, sample(), found))
    np.testing.assert_array_equal(seen[0], PICTURE)  # BGR
    # An explanation of another reading than the one that is drawn is none.
    other = visualizer.add_datasample('word', rgb(PICTURE), sample('xyz'))
    np.testing.assert_array_equal(rgb(other), draw_sample(PICTURE, sample('xyz')))


def test_tokens_are_one_character():
    found = explanation('ab', characters=('a', '<UKN>'))
    picture = draw_sample(PICTURE, sample('a<UKN>', scores=(0.9, 0.5)), found, ())
    np.testing.assert_array_equal(picture, draw_reading(
        PICTURE, text='a\N{REPLACEMENT CHARACTER}', scores=(0.9, 0.5), truth='abd'))
    # Without one it is not known which letters are one: the mean for each.
    np.testing.assert_array_equal(
        draw_sample(PICTURE, sample('a<UKN>', scores=(0.9, 0.5))),
        draw_reading(PICTURE, text='a<UKN>', scores=[0.7] * 6, truth='abd'))


def test_mmocrs_hook_draws_sheets(visualizer, tmp_path):
    cv2.imwrite(str(tmp_path / 'word.png'), PICTURE)
    hook = VisualizationHook(enable=True, interval=1, draw_gt=True, draw_pred=True)
    hook._visualizer = visualizer
    output = sample(found=explanation())
    output.set_metainfo(dict(img_path=str(tmp_path / 'word.png')))
    hook.after_val_iter(SimpleNamespace(iter=30), 2, None, [output])
    np.testing.assert_array_equal(written(tmp_path, 'word_32.png'),
                                  draw_sample(PICTURE, output, explanation()))

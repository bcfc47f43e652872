
import cv2
import numpy as np
import pytest
from mmengine.config import Config

from mmocr_siga.models.preprocessors import TPSRectifier
from tests.conftest import REPO
from tools.analysis import pseudo_label_gallery as gallery

CONFIGS = REPO / 'projects' / 'siga' / 'configs'


def test_ideal_attention_is_the_share_of_each_column():
    # 4 of 128 pixels a column.
    attention = gallery.ideal_attention(np.array([(0, 64), (63, 72), (126, 128)]) / 128)
    assert attention.shape == (1, 3, 32)
    np.testing.assert_allclose(attention[0, 0], [1] * 16 + [0] * 16)
    np.testing.assert_allclose(attention[0, 1], [0] * 15 + [0.25, 1, 1] + [0] * 14)
    np.testing.assert_allclose(attention[0, 2], [0] * 31 + [0.5])


def test_a_text_cuts_the_mask_into_equal_parts():
    mask = np.zeros((4, 100), bool)
    mask[2, 20:80] = True
    np.testing.assert_allclose(gallery.equal_extents(mask, 3), [(.2, .4), (.4, .6), (.6, .8)])
    assert not gallery.equal_extents(mask, 0).size
    assert not gallery.equal_extents(np.zeros((4, 9), bool), 3).size


@pytest.mark.parametrize('source', ['boxes', 'texts'])
def test_sheet_and_overlap(tmp_path, capsys, source):
    (tmp_path / 'masks').mkdir()
    image = np.full((32, 128, 3), 200, np.uint8)
    image[8:24, 20:100] = 30
    mask = np.zeros((32, 128), np.uint8)
    mask[8:24, 20:60] = 255  # half of what is dark
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    cv2.imwrite(str(tmp_path / 'masks' / 'a.png'), mask)
    (tmp_path / 'labels.tsv').write_text('a.png\ti\nmissing.png\tj\n')
    (tmp_path / 'texts.tsv').write_text('a.png\t i\n')
    (tmp_path / 'boxes.tsv').write_text('a.png\ti\t20,8,80,16\n')
    gallery.main([str(tmp_path / 'labels.tsv'), '--masks', str(tmp_path / 'masks'), f'--{source}',
                  str(tmp_path / f'{source}.tsv'), '--out', str(tmp_path / 'sheet.png')])
    out = capsys.readouterr().out
    assert 'skipped, not readable as an image' in out and 'missing.png' in out
    assert 'IoU at 32x128: mean 0.500, median 0.500' in out
    # At twice the size, 10 pixels from the edges.
    sheet = cv2.imread(str(tmp_path / 'sheet.png'))[10:, 10:][:3 * 64:2, :256:2]
    shown_mask = sheet[32:64, :, 0] > 127
    np.testing.assert_array_equal(shown_mask, image[:, :, 0] == 30)
    colored = np.ptp(sheet[64:].astype(int), 2) > 50
    np.testing.assert_array_equal(colored, shown_mask)


def drawn_word(tmp_path):
    image = np.full((40, 110, 3), 210, np.uint8)
    cv2.putText(image, 'Word', (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (30, 30, 60), 4)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    return tmp_path / 'a.png'


def overlap(first, second):
    return (first & second).sum() / (first | second).sum()


def test_masks_fit_their_images_after_every_step(tmp_path):
    path = drawn_word(tmp_path)
    transforms = gallery.pipeline_steps(Config.fromfile(CONFIGS / 'siga_s.py'))
    steps = gallery.trace(path, transforms)
    assert [step.name for step in steps] == [
        'LoadWordImage', 'RandomTextGeometry', 'Resize', 'TextMask', 'RandomTextDeterioration',
        'RandomTextColor']
    assert not np.array_equal(steps[0].image, steps[1].image)  # random ones are always applied
    assert [step.mask is not None for step in steps] == [False] * 3 + [True] * 3
    masked = steps[3]
    dark = masked.image.min(2) < 120
    assert overlap(masked.mask, dark) > 0.85
    bent = gallery.straighten(masked, TPSRectifier(output_size=(48, 160)).eval(), 0.15)
    dark = bent.image.min(2) < 120
    assert overlap(bent.mask, dark) > 0.85 > 1.15 * overlap(masked.mask, dark)


def test_a_sheet_of_pipelines(tmp_path, capsys):
    word = drawn_word(tmp_path)
    (tmp_path / 'bad.png').write_bytes(b'no picture')
    out = tmp_path / 'sheet.png'
    arguments = [str(word), str(tmp_path / 'bad.png'), '--pipeline', str(CONFIGS / 'siga_r.py')]
    gallery.main([*arguments, '--out', str(out)])
    assert 'skipped' in capsys.readouterr().out
    sheet = cv2.imread(str(out))
    assert sheet.shape[:2] == (64 + 19 + 2 * 10, 7 * (256 + 10) + 10)
    assert (sheet == gallery.OUTLINE).all(2).any()
    with pytest.raises(SystemExit):
        gallery.main(arguments)
    assert '--out' in capsys.readouterr().err

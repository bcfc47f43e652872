import importlib.util
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

PATH = Path(__file__).parents[3] / 'tools' / 'analysis' / 'pseudo_label_gallery.py'
SPEC = importlib.util.spec_from_file_location('pseudo_label_gallery', PATH)
gallery = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(gallery)


def test_ideal_attention_is_the_share_of_each_column():
    attention = gallery.ideal_attention([(0, 64), (63, 72), (126, 128)], 128)  # 4 pixels a column
    assert attention.shape == (1, 3, 32)
    np.testing.assert_allclose(attention[0, 0], [1] * 16 + [0] * 16)
    np.testing.assert_allclose(attention[0, 1], [0] * 15 + [0.25, 1, 1] + [0] * 14)
    np.testing.assert_allclose(attention[0, 2], [0] * 31 + [0.5])


def test_read_extents_of_both_formats(tmp_path):
    file = tmp_path / 'boxes.tsv'
    file.write_text('a.png\tab\t5,5,20,30;25,5,24,30\nb.png\tabc\t200\t50\t50,150\n')
    assert gallery.read_extents([str(file)]) == {
        tmp_path / 'a.png': [(5, 25), (25, 49)],
        tmp_path / 'b.png': [(0, 0.25), (0.25, 0.75), (0.75, 1)]
    }
    file.write_text('a.png\tab\n')
    with pytest.raises(ValueError, match='boxes.tsv, line 1'):
        gallery.read_extents([str(file)])


def test_a_text_cuts_the_mask_into_equal_parts(tmp_path):
    (tmp_path / 'labels.tsv').write_text('a.png\tno 5\n')
    assert gallery.read_lengths([str(tmp_path / 'labels.tsv')]) == {tmp_path / 'a.png': 3}
    mask = np.zeros((4, 100), bool)
    mask[2, 20:80] = True
    np.testing.assert_allclose(gallery.equal_extents(mask, 3), [(.2, .4), (.4, .6), (.6, .8)])
    assert gallery.equal_extents(mask, 0) == []
    assert gallery.equal_extents(np.zeros((4, 9), bool), 3) == []


def test_sheet_and_overlap(tmp_path, monkeypatch, capsys):
    (tmp_path / 'masks').mkdir()
    image = np.full((32, 128, 3), 200, np.uint8)
    image[8:24, 20:100] = 30
    mask = np.zeros((32, 128), np.uint8)
    mask[8:24, 20:60] = 255  # half of what is dark
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    cv2.imwrite(str(tmp_path / 'masks' / 'a.png'), mask)
    (tmp_path / 'labels.tsv').write_text('a.png\ti\nmissing.png\tj\n')
    (tmp_path / 'boxes.tsv').write_text('a.png\ti\t20,8,80,16\n')
    monkeypatch.setattr(sys, 'argv', [
        'gallery', str(tmp_path / 'labels.tsv'), '--masks', str(tmp_path / 'masks'), '--boxes',
        str(tmp_path / 'boxes.tsv'), '--out', str(tmp_path / 'sheet.png'), '--scale', '1'
    ])
    gallery.main()
    out = capsys.readouterr().out
    assert 'skipped, not readable as an image' in out and 'missing.png' in out
    assert 'IoU at 32x128: mean 0.500, median 0.500' in out
    sheet = cv2.imread(str(tmp_path / 'sheet.png'))
    left, top = gallery.GAP, gallery.GAP
    shown_mask = sheet[top + 32:top + 64, left:left + 128, 0] > 127
    np.testing.assert_array_equal(shown_mask, image[:, :, 0] == 30)
    glyphs = sheet[top + 64:top + 96, left:left + 128].astype(int)
    coloured = np.ptp(glyphs, 2) > 50
    np.testing.assert_array_equal(coloured, shown_mask)


def drawn_word(tmp_path):
    image = np.full((40, 110, 3), 210, np.uint8)
    cv2.putText(image, 'Word', (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (30, 30, 60), 4)
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    return tmp_path / 'a.png'


def overlap(first, second):
    return (first & second).sum() / (first | second).sum()


def test_masks_fit_their_images_after_every_step(tmp_path):
    from mmengine.config import Config

    from mmocr_siga.models.preprocessors import TPSRectifier
    root = PATH.parents[2]
    path = drawn_word(tmp_path)
    transforms = gallery.pipeline_steps(Config.fromfile(root / 'projects/siga/configs/siga_s.py'))
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


def test_a_sheet_of_pipelines(tmp_path, monkeypatch, capsys):
    word = drawn_word(tmp_path)
    (tmp_path / 'bad.png').write_bytes(b'no picture')
    out = tmp_path / 'sheet.png'
    config = PATH.parents[2] / 'projects/siga/configs/siga_r.py'
    arguments = ['gallery', str(word), str(tmp_path / 'bad.png'), '--pipeline', str(config)]
    monkeypatch.setattr(sys, 'argv', [*arguments, '--out', str(out), '--columns', '1'])
    gallery.main()
    assert 'skipped' in capsys.readouterr().out
    sheet = cv2.imread(str(out))
    assert sheet.shape[0] == 7 * (64 + gallery.CAPTION)
    assert (sheet == gallery.OUTLINE).all(2).any()
    monkeypatch.setattr(sys, 'argv', arguments)
    with pytest.raises(SystemExit):
        gallery.main()
    assert '--out' in capsys.readouterr().err

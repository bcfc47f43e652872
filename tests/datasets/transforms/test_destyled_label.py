import numpy as np
import pytest
import torch

from mmocr_siga.datasets import DestyledLabel, PackODMInputs, TextPrompt
from mmocr_siga.rendering.plain import draw_plain_words, plain_face
from tests.helpers.odm import packed, results_of
from tests.helpers.spotters import rectangle

LEFT, RIGHT, LOW = (rectangle(4, 4, 44, 24), rectangle(30, 10, 90, 28),
                    rectangle(10, 40, 80, 60))
WORDS = [(LEFT, 'abc'), (RIGHT, 'over'), (LOW, 'low')]


def labelled(words=WORDS, dropped=None, **options):
    results = results_of(words, **options)
    if dropped is not None:
        results['gt_dropped'] = np.array(dropped)
    return DestyledLabel()(results)


def test_dropped_words_leave_overlapping_neighbors_whole():
    out = labelled(dropped=[True, False, False])
    kept, _ = draw_plain_words((64, 96), WORDS[1:], plain_face())
    gone, _ = draw_plain_words((64, 96), WORDS[:1], plain_face())
    np.testing.assert_array_equal(out['gt_ink'], kept)
    np.testing.assert_array_equal(out['gt_seg_map'], kept >= 30)
    np.testing.assert_array_equal(out['gt_dropped_map'], (gone >= 30) & (kept < 30))
    assert out['gt_borders'].shape == (3, 2, 8, 2)  # where a word was dropped, too
    np.testing.assert_allclose(out['gt_borders'][2, :, [0, -1]].reshape(-1, 2),
                               [[10, 40], [10, 60], [80, 40], [80, 60]])


def test_ignored_regions_and_what_cannot_be_drawn_are_unknown():
    words = [*WORDS, (rectangle(60, 30, 90, 38), '\u4e2d'), (np.zeros(8), 'x')]
    out = labelled(words, ignored=[False, True, False, False, False])
    seg = out['gt_seg_map']
    assert (seg[10:28, 30:90] == 255).all() and (seg[30:38, 60:90] == 255).all()
    assert seg[25:29, 0:20].max() == 0 and (seg[:10, :30] == 1).any()
    assert out['words_left_out'] == 2 and len(out['gt_borders']) == 2
    assert out['gt_ignored'].tolist() == [False, True, False, True, True]


def test_what_cannot_be_drawn_is_not_asked_for():
    results = TextPrompt(prob=0)(results_of([(LEFT, 'abc'), (np.zeros(8), 'x')]))
    assert results['prompt_texts'] == ['abc', 'x']
    out = DestyledLabel()(results)
    assert out['prompt_texts'] == ['abc'] and out['prompt_words'] == [0]


def test_packing():
    np.random.seed(0)
    data = packed(results_of(WORDS), prob=1.0, drop=(.33, .33), noise=(.33, .33))
    sample = data['data_samples']
    assert data['inputs'].shape == (3, 64, 96)
    assert len(sample.prompt.texts) == 3 and sample.prompt.decoys == [False, False, True]
    assert sample.gt_instances.dropped.tolist().count(True) == 1
    for name, dtype in (('ink', torch.uint8), ('seg', torch.uint8), ('dropped', torch.bool)):
        values = sample.gt_plain.get(name)
        assert values.shape == (1, 64, 96) and values.dtype == dtype
    assert sample.drawn.borders.shape == (3, 2, 8, 2) and sample.words_left_out == 0
    with pytest.raises(KeyError, match='TextPrompt'):
        PackODMInputs()(results_of(WORDS))
    late = DestyledLabel()(TextPrompt(prob=0)(results_of(WORDS)))
    late['img'] = late['img'][:32]
    with pytest.raises(ValueError, match='DestyledLabel'):
        PackODMInputs()(late)
    with pytest.raises(ValueError, match='threshold'):
        DestyledLabel(threshold=0)


def test_no_words():
    sample = packed(results_of([]))['data_samples']
    assert sample.prompt.texts == [] and sample.drawn.borders.shape == (0, 2, 8, 2)
    assert not sample.gt_plain.ink.any()

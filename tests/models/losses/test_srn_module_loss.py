import math

import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.layers import word_targets
from mmocr_siga.structures.words import WordOutputs
from tests.helpers.words import DICTIONARY, END, START, index, sample

T = 6


def build(**changes):
    return MODELS.build({**dict(type='SRNModuleLoss', dictionary=dict(DICTIONARY),
                                max_seq_len=T - 1), **changes})


def outputs(words, names=('word_visual', 'word_semantic', 'word')):
    targets = word_targets([sample(w) for w in words], END, START, T - 1, torch.device('cpu'))
    noise = torch.Generator().manual_seed(0)
    logits = {name: torch.randn(len(words), T, 37, generator=noise) for name in names}
    return WordOutputs(logits, targets)


def mean_cost(logits, rows):
    """Cross-entropy by the definition; rows of class indices, None where nothing is asked."""
    costs = [math.log(sum(math.exp(x) for x in logits[n, t].tolist())) - logits[n, t, k].item()
             for n, row in enumerate(rows) for t, k in enumerate(row) if k is not None]
    return sum(costs) / len(costs)


@pytest.mark.parametrize('ask', [True, False])
def test_weights_and_steps_by_the_definition(ask):
    out = outputs(['ab', ''])
    rest = END if ask else None
    rows = [index('ab') + [END] + [rest] * 3, [END] + [rest] * 5]
    got = build(ask_after_end=ask)(out, [])
    want = {'loss_word_visual': 1.0, 'loss_word_semantic': 0.15, 'loss_word': 2.0}
    assert set(got) == set(want)
    for name, weight in want.items():
        cost = weight * mean_cost(out.logits[name[5:]], rows)
        assert got[name].item() == pytest.approx(cost, rel=1e-5)


def test_a_word_that_was_cut_does_not_end():
    out = outputs(['abcdefgh'], names=['word'])
    got = build(final_weight=1.)(out, [])['loss_word'].item()
    assert got == pytest.approx(mean_cost(out.logits['word'], [index('abcde') + [None]]), rel=1e-5)


def test_weights_of_ones_own_and_other_branches():
    out = outputs(['ab'], names=['word_fine', 'word_visual', 'word'])
    ones = build(visual_weight=1., semantic_weight=1., final_weight=1.)(out, [])
    got = build(visual_weight=3., final_weight=0.5)(out, [])
    assert got['loss_word_fine'] == ones['loss_word_fine']
    assert got['loss_word_visual'] == 3 * ones['loss_word_visual']
    assert got['loss_word'] == 0.5 * ones['loss_word']


def test_letter_case_is_passed_on():
    samples = build(letter_case='lower').get_targets([sample('Ab', targets=False)])
    assert samples[0].gt_text.indexes.tolist() == index('ab')

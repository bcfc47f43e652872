import math

import pytest
import torch
from mmocr.structures import TextRecogDataSample

from mmocr_siga.models import layers
from tests.helpers.words import END, START, index, sample

CPU = torch.device('cpu')


def test_words_by_hand():
    got = layers.word_targets([sample('ab'), sample(''), sample('z')], END, START, 25, CPU)
    a, b, z = index('abz')
    assert got.steps == 3
    assert got.lengths.tolist() == [2, 0, 1]
    assert got.tokens.tolist() == [[START, a, b], [START, END, END], [START, z, END]]
    assert got.targets.tolist() == [[a, b, END], [END, -100, -100], [z, END, -100]]
    # A word that is too long is cut and not ended.
    got = layers.word_targets([sample('abcd'), sample('abc')], END, START, 3, CPU)
    assert got.lengths.tolist() == [3, 3] and got.steps == 4
    assert got.targets.tolist() == [index('abc') + [-100], index('abc') + [END]]
    assert got.tokens.tolist() == [[START] + index('abc')] * 2


def test_word_loss_by_hand():
    logits = torch.tensor([[[0., math.log(3)], [0., 0.]]])
    # p = 3/4 for the first target; the second is not asked for.
    got = layers.word_loss(logits, torch.tensor([[1, -100]]))
    assert got.item() == pytest.approx(math.log(4 / 3))


def test_valid_columns():
    assert layers.valid_columns([sample('a'), sample('b')], 8, CPU) is None
    assert layers.valid_columns(None, 8, CPU) is None
    got = layers.valid_columns([sample('a', 0.5), sample('b', 0.51), sample('c', 0.0)], 8, CPU)
    assert got.sum(1).tolist() == [4, 5, 1]
    assert got[0].tolist() == [True] * 4 + [False] * 4


@pytest.mark.parametrize('max_seq_len, steps', [(3, 4), (25, 26)])
def test_targets_of_all_steps_ask_for_the_end_after_a_word(max_seq_len, steps):
    samples = [sample('ab'), sample(''), sample('abcd')]
    words = layers.word_targets(samples, END, START, max_seq_len, CPU)
    got = layers.targets_of_all_steps(words.targets, words.lengths, END, steps)
    # A word that was cut: whether it goes on is not asked.
    last = index('abc') + [-100] if steps == 4 else index('abcd') + [END] * 22
    assert got.tolist() == [index('ab') + [END] * (steps - 2), [END] * steps, last]
    assert words.lengths.tolist() == [2, 0, min(4, max_seq_len)]
    assert torch.equal(layers.word_lengths(samples, max_seq_len, CPU), words.lengths)


def test_presence_by_hand():
    words = [sample('aba'), sample(''), sample('z' * 60 + '0')]
    presence = layers.character_presence(words, 38, CPU)
    assert presence.dtype == torch.bool and presence.shape == (3, 38)
    assert [row.nonzero()[:, 0].tolist() for row in presence] == [
        sorted(index('ab')), [], sorted(index('0z'))]


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match='sample 1 has no gt_text.indexes'):
        layers.word_targets([sample('a'), TextRecogDataSample()], END, START, 3, CPU)
    with pytest.raises(ValueError, match='hold class 35, but the classifier has 30'):
        layers.character_presence([sample('z')], 30, CPU)
    with pytest.raises(ValueError, match='sample 0 has no gt_text.indexes'):
        layers.character_presence([sample('z', targets=False)], 38, CPU)

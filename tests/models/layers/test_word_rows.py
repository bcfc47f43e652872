"""A row of three words: one empty, one of 25 characters, one short."""
import pytest
import torch

from mmocr_siga.models.layers import fed_words, findable, visible_before, visible_others
from mmocr_siga.models.layers.targets import targets_of_labels
from mmocr_siga.structures.words import IGNORE_INDEX

END, START, LONGEST = 36, 37, 25
LABELS = [[], [i % 7 for i in range(25)], [3, 1, 30]]


def fed(labels, longest=LONGEST):
    targets = targets_of_labels(labels, END, START, longest, torch.device('cpu'))
    return fed_words(targets, END)


@pytest.mark.parametrize('labels, longest', [(LABELS, 25), (LABELS, 3), ([[1], [2, 3]], 25)])
def test_tokens_and_targets(labels, longest):
    tokens, there, targets = fed(labels, longest)
    steps = 2 + max(min(len(label), longest) for label in labels)
    assert tokens.shape == there.shape == targets.shape == (len(labels), steps)
    for row, label in enumerate(labels):
        cut, ends = label[:longest], len(label) <= longest
        # <image>, characters, and the end, after which nothing is asked for.
        shown = [START, *cut] + [END] * ends
        asked = [*cut] + [END] * ends
        assert tokens[row][there[row]].tolist() == shown
        assert there[row].tolist() == [t < len(shown) for t in range(steps)]
        assert targets[row].tolist() == asked + [IGNORE_INDEX] * (steps - len(asked))


def test_masks_and_pictures():
    tokens, there, _ = fed(LABELS)
    words, steps = tokens.shape
    before, others = visible_before(there[None])[0], visible_others(there[None])[0]
    flat = [(s, t) for s in range(words) for t in range(steps)]
    pictures = 0
    for i, (s, t) in enumerate(flat):
        pictures += int(tokens[s, t] == START)
        assert pictures == s + 1  # c_t: each position sees the picture of its own word
        for j, (q, u) in enumerate(flat):
            earlier = bool(there[q, u]) and j < i
            assert before[i, j] == (earlier or i == j)
            assert others[i, j] == (bool(there[q, u]) and q != s)
            assert others[i, len(flat) + j] == ((earlier or i == j) and q == s)


def test_findable():
    tokens, there, targets = fed([[5, 6], [6, 7]])
    visible = visible_before(there[None])
    found = findable(targets.flatten()[None], tokens.flatten()[None], visible)[0].view(2, 4)
    # Of the first word nothing; of the second 6, and the end, which ended the first.
    assert found.tolist() == [[False] * 4, [True, False, True, False]]

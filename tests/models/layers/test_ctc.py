"""Alignments against all paths of small models, and columns by hand."""
from itertools import product

import pytest
import torch

from mmocr_siga.models.layers.ctc import ctc_alignment, ctc_attention


def best_path(log_probabilities, word, blank):
    """The most probable of all paths that collapse to the word, as characters' numbers."""
    best, found = -float('inf'), None
    steps, classes = log_probabilities.shape
    for path in product(range(classes), repeat=steps):
        collapsed = [k for i, k in enumerate(path) if k != blank and (i == 0 or path[i - 1] != k)]
        score = sum(float(log_probabilities[t, k]) for t, k in enumerate(path))
        if collapsed == word and score > best:
            best, found = score, path
    if found is None:
        return [-1] * steps
    numbers, last, count = [], blank, -1
    for k in found:
        count += k not in (blank, last)
        numbers.append(-1 if k == blank else count)
        last = k
    return numbers


@pytest.mark.parametrize('word', [[], [0], [0, 1], [1, 1], [0, 1, 0], [0, 0, 0], [1, 0, 0, 1, 1]])
@pytest.mark.parametrize('blank', [2, 0])
def test_the_best_of_all_paths(word, blank):
    word = [k + (blank == 0) for k in word]
    generator = torch.Generator().manual_seed(len(word) + 7 * blank)
    logs = (3 * torch.randn(1, 5, 3, generator=generator)).log_softmax(-1)
    targets = torch.tensor([word + [1]])
    found = ctc_alignment(logs, targets, torch.tensor([len(word)]), blank)
    assert found[0].tolist() == best_path(logs[0], word, blank)


def test_padding_changes_nothing():
    generator = torch.Generator().manual_seed(0)
    logs = (3 * torch.randn(2, 9, 4, generator=generator)).log_softmax(-1)
    targets, lengths = torch.tensor([[0, 1, 1, 2], [2, 0, 0, 0]]), torch.tensor([4, 1])
    padded = logs.clone()
    padded[1, 4:] = torch.tensor([-1e4, -1e4, -1e4, 0])
    found = ctc_alignment(padded, targets, lengths, 3)
    alone = ctc_alignment(logs[1:, :4], targets[1:, :1], lengths[1:], 3)
    assert found[1].tolist() == alone[0].tolist() + [-1] * 5
    assert found[0].tolist() == ctc_alignment(logs[:1], targets[:1], lengths[:1], 3)[0].tolist()


def test_columns_go_to_the_nearest_character():
    alignment = torch.tensor([[-1, 0, -1, -1, -1, 1, 1, -1, -1],
                              [-1, -1, 0, -1, -1, -1, -1, -1, -1]])
    attention = ctc_attention(alignment, 2, torch.tensor([9, 5]))
    # The column in the middle is as near to both.
    assert (attention[0] > 0).int().tolist() == [[1, 1, 1, 1, 0, 0, 0, 0, 0],
                                                 [0, 0, 0, 1, 1, 1, 1, 1, 1]]
    assert (attention[1] > 0).int().tolist() == [[1, 1, 1, 1, 1, 0, 0, 0, 0], [0] * 9]
    assert attention.sum(2).flatten().tolist() == pytest.approx([1, 1, 1, 0])

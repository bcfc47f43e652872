import numpy as np
import pytest
import torch

from mmocr_siga.models.layers.pixel_selection import (
    best_pixels,
    edge_pixels,
    evenly_thinned,
    scattered,
)


def test_edges_are_what_an_erosion_takes():
    ndimage = pytest.importorskip('scipy.ndimage')
    masks = np.random.default_rng(0).random((5, 9, 14)) < 0.8
    masks[1], masks[2] = True, False
    found = edge_pixels(torch.from_numpy(masks)).numpy()
    for mask, edges in zip(masks, found):
        assert (edges == mask & ~ndimage.binary_erosion(mask)).all()
    assert found[1].sum() == 2 * 9 + 2 * 12  # the border


@pytest.mark.parametrize('count', [1, 6, 7, 8, 40])
def test_thinning_word_by_word(count):
    candidates = torch.from_numpy(np.random.default_rng(0).random((6, 20)) < 0.4)
    candidates[1], candidates[2] = False, True
    candidates[3, :7], candidates[3, 7:] = True, False
    index, kept = evenly_thinned(candidates, count)
    for row, places, there in zip(candidates.tolist(), index.tolist(), kept.tolist()):
        known = sorted(i for i, value in enumerate(row) if value)
        n = len(known)
        expected = known if n <= count else [
            known[((2 * i + 1) * n) // (2 * count)] for i in range(count)]
        assert [i for i, value in zip(places, there) if value] == expected
        assert there == sorted(there, reverse=True) and max(places) < 20
    # A word alone.
    assert torch.equal(evenly_thinned(candidates[3:4], count)[0][0, :7], index[3, :7])


def test_the_best_of_the_candidates():
    candidates = torch.tensor([[True, False, True, True], [False, True, False, False]])
    scores = torch.tensor([[0.1, 0.9, 0.7, 0.3]])
    for count, expected in ((1, [2]), (2, [2, 3]), (3, [0, 2, 3]), (9, [0, 2, 3])):
        found = best_pixels(candidates, torch.tensor([[count], [1]]), scores)
        assert found[0].nonzero().flatten().tolist() == expected
        assert found[1].tolist() == candidates[1].tolist()


def test_scattered_numbers_are_different_and_without_order():
    numbers = scattered(4096, torch.device('cpu'))[0]
    assert len(set(numbers.tolist())) == 4096 and 0 <= numbers.min() <= numbers.max() < 2 ** 32
    assert torch.equal(scattered(100, torch.device('cpu'))[0], numbers[:100])
    chosen = best_pixels(torch.ones(1, 4096, dtype=torch.bool), torch.tensor([[512]]),
                         numbers[None])[0]
    shares = chosen.view(16, 256).sum(1)  # of 32 expected, with a standard deviation of 5.3
    assert chosen.sum() == 512 and 12 < shares.min() and shares.max() < 52

"""Clusters, atoms and graphs by loops over words, pixels and clusters, in float64."""
import math

import numpy as np
import pytest
import torch
from scipy.ndimage import label as components

from mmocr_siga.models.pseudo_labels.clustering import (
    prototype_graph,
    prototypes,
    spherical_kmeans,
    text_atoms,
)

NOISE = torch.Generator().manual_seed(0)


def rand(*shape):
    return torch.randn(*shape, generator=NOISE, dtype=torch.float64)


def unit(vector):
    length = math.sqrt(sum(x * x for x in vector))
    return [x / length for x in vector] if length else vector


def loop_means(features, labels, count):
    sums = [[0.0] * len(features[0]) for _ in range(count)]
    for vector, k in zip(features, labels):
        if k:
            sums[k - 1] = [a + b for a, b in zip(sums[k - 1], vector)]
    return [unit(vector) for vector in sums]


def loop_kmeans(features, start, count, rounds):
    features = [unit(vector) for vector in features]
    centers, labels = loop_means(features, start, count), list(start)
    for _ in range(rounds):
        for i, vector in enumerate(features):
            cosines = [sum(a * b for a, b in zip(vector, center)) if any(center) else -2
                       for center in centers]
            labels[i] = start[i] and cosines.index(max(cosines)) + 1
        means = loop_means(features, labels, count)
        centers = [mean if any(mean) else center for mean, center in zip(means, centers)]
    return labels, centers


@pytest.mark.parametrize('rounds', [0, 1, 10])
def test_kmeans_against_loops(rounds):
    features = rand(3, 40, 5) * torch.tensor([0.1, 1, 7])[:, None, None]
    start = torch.randint(0, 5, (3, 40), generator=NOISE)
    start[1] = start[1].clamp(max=2)  # clusters 3 and 4 begin without pixels
    start[2] = 0  # a word without pixels
    labels, centers = spherical_kmeans(features, start, 4, rounds)
    for n in range(3):
        want, means = loop_kmeans(features[n].tolist(), start[n].tolist(), 4, rounds)
        assert labels[n].tolist() == want
        torch.testing.assert_close(centers[n], torch.tensor(means, dtype=torch.float64),
                                   rtol=0, atol=1e-12)
    assert not centers[1, 2:].any() and not centers[2].any()
    # A word alone, and with pixels that take no part, is the same.
    alone = spherical_kmeans(torch.cat([features[:1], rand(1, 6, 5)], 1),
                             torch.nn.functional.pad(start[:1], (0, 6)), 4, rounds)
    assert alone[0][0, :40].equal(labels[0]) and not alone[0][0, 40:].any()
    torch.testing.assert_close(alone[1][0], centers[0], rtol=0, atol=1e-12)


def test_a_cluster_that_loses_all_pixels_keeps_its_center():
    right, up = [1.0, 0.0], [0.0, 1.0]
    features = torch.tensor([[right, right, right, up, up, [0.6, 0.8]]])
    # The second begins between both axes and is left with the one that lies there.
    labels, centers = spherical_kmeans(features, torch.tensor([[1, 1, 2, 2, 3, 3]]), 3)
    assert labels.tolist() == [[1, 1, 1, 3, 3, 2]]
    torch.testing.assert_close(centers, torch.tensor([[right, [0.6, 0.8], up]]))
    # Of equally near centers the first takes the pixel; the other stays where it was.
    features = torch.tensor([[right, right, up, up]])
    labels, centers = spherical_kmeans(features, torch.tensor([[1, 2, 3, 3]]), 3)
    assert labels.tolist() == [[1, 1, 3, 3]]
    assert centers.tolist() == [[right, right, up]]


def test_prototypes_have_gradients_and_no_nan():
    features = rand(2, 6, 3).requires_grad_()
    labels = torch.tensor([[1, 1, 2, 0, 2, 2], [0] * 6])
    assert torch.autograd.gradcheck(lambda f: prototypes(f, labels, 3)[:1, :2], features)
    prototypes(features, labels, 3).sum().backward()
    assert features.grad.isfinite().all() and not features.grad[1].any()
    assert prototypes(features.bfloat16(), labels, 3).dtype == torch.float32
    with pytest.raises(ValueError, match='labels must be'):
        prototypes(features, labels[:, :2], 3)


def loop_atoms(mask, width, atoms, min_pixels):
    numbers, count = components(mask, np.ones((3, 3)))
    found = []
    for k in range(1, count + 1):
        y, x = np.nonzero(numbers == k)
        if len(x) >= min_pixels:
            found += [(x.mean(), y[0] * mask.shape[1] + x[0], s, y[x // width == s],
                       x[x // width == s]) for s in sorted(set(x // width))]
    found.sort(key=lambda piece: piece[:3])
    large = sorted(range(len(found)), key=lambda i: -len(found[i][3]))[:atoms]
    out = np.zeros(mask.shape, int)
    for number, i in enumerate(sorted(large), 1):
        out[found[i][3], found[i][4]] = number
    return out


@pytest.mark.parametrize('width, atoms, min_pixels', [(4, 64, 16), (3, 5, 1), (8, 64, 4)])
def test_atoms_against_loops(width, atoms, min_pixels):
    mask = torch.rand(4, 12, 30, generator=NOISE) > 0.75
    mask[2] = False
    mask[3] = True
    got = text_atoms(mask, width, atoms, min_pixels)
    for n in range(4):
        want = loop_atoms(mask[n].numpy(), width, atoms, min_pixels)
        assert got[n].tolist() == want.tolist()
    # Columns of padding change nothing.
    padded = text_atoms(torch.nn.functional.pad(mask, (0, 7)), width, atoms, min_pixels)
    assert padded[..., :30].equal(got) and not padded[..., 30:].any()


@pytest.mark.parametrize('apart', [False, True])
def test_graph_against_loops(apart):
    segments = torch.nn.functional.normalize(rand(2, 7, 3), dim=2)
    distance = rand(2, 7, 7).abs() if apart else None
    if apart:
        distance = distance + distance.transpose(1, 2)
    valid = torch.tensor([[True] * 7, [True] * 2 + [False] * 5])
    graph = prototype_graph(segments, valid, distance, neighbors=2)
    for n in range(2):
        members = [i for i in range(7) if valid[n, i]]
        weights = {(a, b): math.exp(5 * float(segments[n, a] @ segments[n, b])
                                    - (float(distance[n, a, b]) ** 2 if apart else 0))
                   for a in members for b in members if a != b}
        nearest = {(a, b) for a in members for b in sorted(
            (b for b in members if b != a), key=lambda b: -weights[a, b])[:2]}
        for a in range(7):
            for b in range(7):
                kept = (a, b) in nearest or (b, a) in nearest
                want = weights[a, b] if kept else 0
                assert graph[n, a, b].item() == pytest.approx(want, rel=1e-12)

"""Regions of characters: against OpenCV, and against the functions for a single image."""
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mmocr_siga.images import regions as single
from mmocr_siga.models.layers import pool_regions
from mmocr_siga.models.pseudo_labels import functional as F


def random_labels(seed, shape=(2, 32, 128), highest=26):
    """Rectangles, later ones over earlier ones."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.uint8)
    for image in labels:
        for number in range(1, highest + 1):
            y, x = rng.integers(0, shape[1] - 6), rng.integers(0, shape[2] - 9)
            image[y:y + 6, x:x + 9] = number
    return labels


def random_matrix(rng, perspective=False, size=(128, 32)):
    angle, kx = rng.uniform(-10, 10) * np.pi / 180, np.tan(rng.uniform(-.6, .6))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = turn @ [[1, kx], [0, 1]] @ np.diag(rng.uniform(.6, 1.1, 2))
    middle = np.array(size) / 2
    matrix[:2, 2] = middle - matrix[:2, :2] @ middle + rng.uniform(-2, 2, 2)
    if perspective:
        matrix[2, :2] = rng.uniform(-1e-3, 1e-3, 2)
    return matrix


def snake(turns, width=64):
    """One component as long as can be, along rows to and fro."""
    mask = np.zeros((4 * turns, width), bool)
    mask[::2] = True
    mask[1::4, -1] = mask[3::4, 0] = True
    return mask


def check_components(mask):
    ours = F.connected_regions(torch.from_numpy(mask)[None])[0].numpy()
    _, theirs = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    assert ((ours > 0) == mask).all()
    pairs = set(zip(ours[mask].tolist(), theirs[mask].tolist()))
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    for label in np.unique(ours[mask]):
        assert np.flatnonzero(ours.ravel() == label)[0] == label - 1


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=24)))
def test_components_are_opencvs(mask):
    check_components(mask)


@pytest.mark.parametrize('mask', [
    np.zeros((5, 7), bool), np.ones((32, 128), bool), snake(16), snake(16).T.copy(), snake(8, 132),
    *(np.random.default_rng(i).random((32, 128)) < i / 10 for i in range(1, 10))])
def test_components_of_long_and_dense_masks(mask):
    check_components(mask)


def test_a_batch_is_its_images():
    masks = torch.from_numpy(np.random.default_rng(0).random((3, 20, 30)) < .5)
    together = F.connected_regions(masks)
    assert all(torch.equal(F.connected_regions(mask[None])[0], one)
               for mask, one in zip(masks, together))


@given(st.integers(0, 2**31), st.floats(.05, .7), st.integers(1, 40), st.integers(1, 30))
def test_characters_are_those_of_a_single_image(seed, density, least, most):
    masks = np.random.default_rng(seed).random((2, 16, 24)) < density
    found = F.character_regions(torch.from_numpy(masks), least, most)
    assert found.dtype == torch.uint8
    for mask, labels in zip(masks, found):
        np.testing.assert_array_equal(single.regions_of_mask(mask, least, most), labels.numpy())


def test_29_and_30_pixels_and_27_regions():
    masks = torch.zeros(2, 32, 128, dtype=torch.bool)
    for i in range(27):
        masks[0, 4:14, 4 * i:4 * i + 3] = True
    masks[1, 4:14, 9:12] = masks[1, 20:30, 2:5] = True
    masks[1, 4, 9] = False
    found = F.character_regions(masks)
    assert found[0].max() == 26 and found[0, 5, 4 * 26] == 0 and found[0, 5, 100] == 26
    assert found[1].max() == 1 and found[1, 21, 3] == 1


def test_equal_means_go_by_the_first_pixel():
    masks = torch.zeros(1, 32, 16, dtype=torch.bool)
    masks[0, 20:26, 5:10] = masks[0, 2:8, 5:10] = True
    found = F.character_regions(masks)[0]
    assert (found[3, 6], found[21, 6]) == (1, 2)


@pytest.mark.parametrize('size', [(8, 32), (2, 32), (5, 9)])
def test_weights_and_means_are_loops(size):
    labels, rng = random_labels(1), np.random.default_rng(2)
    weights = F.region_weights(torch.from_numpy(labels), size)
    assert weights.shape == (2, 26, size[0] * size[1]) and weights.dtype == torch.float32
    features = rng.normal(size=(2, 3, *size))
    means = pool_regions(torch.from_numpy(features).float(), weights)
    for n in range(2):
        for k in range(26):
            counts = np.zeros(size)
            for y, x in zip(*np.nonzero(labels[n] == k + 1)):
                counts[y * size[0] // 32, x * size[1] // 128] += 1
            np.testing.assert_array_equal(weights[n, k].numpy(), counts.ravel())
            wanted = (features[n] * counts).sum((1, 2)) / max(counts.sum(), 1)
            np.testing.assert_allclose(means[n, k].numpy(), wanted, atol=1e-6)


def test_a_constant_map_gives_the_constant_and_no_region_nothing():
    labels = torch.from_numpy(random_labels(3, highest=5))
    weights = F.region_weights(labels, (8, 32))
    means = pool_regions(torch.full((2, 4, 8, 32), 0.3).bfloat16(), weights)
    there = weights.sum(2) > 0
    assert there.sum() == 10 and means.dtype == torch.float32
    torch.testing.assert_close(means[there], torch.full((10, 4), 0.3).bfloat16().float())
    assert not means[~there].any()


def test_a_shift_by_whole_cells_leaves_the_vectors_as_they_are():
    labels = np.zeros((1, 32, 128), np.uint8)
    labels[0, 6:20, 10:70] = random_labels(4, (1, 14, 60), 6)[0]
    image = torch.from_numpy(np.random.default_rng(5).integers(0, 256, (1, 3, 32, 128))).float()
    shift = torch.tensor([[[1., 0, 12], [0, 1, 8], [0, 0, 1]]])
    moved = torch.zeros_like(image)
    moved[..., 8:, 12:] = image[..., :-8, :-12]
    vectors = []
    for pixels, numbers in (image, torch.from_numpy(labels)), (
            moved, F.warp_labels(torch.from_numpy(labels), shift)):
        cells = torch.nn.functional.avg_pool2d(pixels, 4, divisor_override=1)  # exact
        vectors.append(pool_regions(cells, F.region_weights(numbers, (8, 32))))
    assert vectors[0].any() and torch.equal(*vectors)


@pytest.mark.parametrize('perspective', [False, True])
@pytest.mark.parametrize('seed', range(4))
def test_labels_and_pairs_are_those_of_a_single_image(seed, perspective):
    labels, rng = random_labels(seed), np.random.default_rng(seed)
    matrices = np.stack([random_matrix(rng, perspective) for _ in labels])
    warped = F.warp_labels(torch.from_numpy(labels), torch.from_numpy(matrices))
    pairs = F.visible_regions(torch.from_numpy(labels), warped, torch.from_numpy(matrices))
    for n, matrix in enumerate(matrices):
        theirs = single.warp_region_labels(labels[n], matrix)
        np.testing.assert_array_equal(warped[n].numpy(), theirs)
        np.testing.assert_array_equal(pairs[n].nonzero()[:, 0].numpy() + 1,
                                      single.visible_regions(labels[n], theirs, matrix))


@pytest.mark.parametrize('call', [
    lambda: F.connected_regions(torch.zeros(1, 4, 4)),
    lambda: F.region_weights(torch.zeros(1, 4, 4), (2, 2)),
    lambda: F.warp_labels(torch.zeros(1, 4, 4, dtype=torch.uint8), torch.eye(3)),
])
def test_other_shapes_and_dtypes_are_refused(call):
    with pytest.raises(ValueError, match='must be'):
        call()

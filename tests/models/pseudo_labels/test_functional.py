from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from mmocr_siga.models.pseudo_labels import functional as F
from tests.helpers.compiling import runs_in_a_process_of_its_own


def oracle_mask(gray, valid=None):
    """The definition pixel by pixel, the clusters in exact fractions."""
    h, w = gray.shape
    valid = np.ones((h, w), bool) if valid is None else valid
    pixels = [int(value) for value in gray[valid]]
    costs = []
    for threshold in range(256):
        cost = Fraction(0)
        for cluster in ([p for p in pixels if p <= threshold],
                        [p for p in pixels if p > threshold]):
            if cluster:
                cost += sum(p * p for p in cluster) - Fraction(sum(cluster)**2, len(cluster))
        costs.append(cost)
    if len(set(pixels)) < 2:
        return np.zeros((h, w), bool)
    bright = (gray > costs.index(min(costs))) & valid
    lines = ([[(y, x) for y in range(h) if valid[y, x]] for x in range(w)],
             [[(y, x) for x in range(w) if valid[y, x]] for y in range(h)])
    borders = [[line[end] for line in way if line] for way in lines for end in (0, -1)]
    bright_share = [Fraction(sum(bool(bright[p]) for p in border), len(border))
                    for border in borders]
    ring = {p for border in borders for p in border}
    bright_ring = sum(bool(bright[p]) for p in ring)
    sizes = bright.sum(), valid.sum() - bright.sum()
    if sum(share > Fraction(1, 2) for share in bright_share) >= 3:
        text_is_bright = False
    elif sum(share < Fraction(1, 2) for share in bright_share) >= 3:
        text_is_bright = True
    elif 2 * bright_ring != len(ring):
        text_is_bright = 2 * bright_ring < len(ring)
    else:
        text_is_bright = sizes[0] <= sizes[1]
    return (bright if text_is_bright else ~bright) & valid


def mask_of(gray):
    """The mask of one image by the batch function, checked against the NumPy one."""
    mask = F.two_means_mask(torch.from_numpy(gray)[None])[0].numpy()
    np.testing.assert_array_equal(F.two_means_mask_image(gray), mask)
    return mask


def textured(seed, shape=(32, 128)):
    rng = np.random.default_rng(seed)
    blobs = cv2.GaussianBlur(rng.normal(size=shape), (9, 9), 0)
    return cv2.normalize(blobs + 0.03 * rng.normal(size=shape), None, 0, 255,
                         cv2.NORM_MINMAX).astype(np.uint8)


levels = st.one_of(st.integers(0, 255), st.sampled_from([0, 1, 2, 100, 255]))
images = arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=6), elements=levels)


@given(images)
def test_mask_is_the_exact_optimum_with_the_border_vote(gray):
    np.testing.assert_array_equal(mask_of(gray), oracle_mask(gray))


@given(images, st.data())
def test_valid_region_is_all_that_counts(gray, data):
    valid = data.draw(arrays(bool, gray.shape))
    mask = F.masked_two_means(torch.from_numpy(gray)[None], torch.from_numpy(valid)[None])[0]
    np.testing.assert_array_equal(mask.numpy(), oracle_mask(gray, valid))
    columns = torch.from_numpy(valid[:1])  # as padding is told
    mask = F.masked_two_means(torch.from_numpy(gray)[None], columns)[0]
    np.testing.assert_array_equal(mask.numpy(), oracle_mask(gray, valid[:1].repeat(len(gray), 0)))


def drawn(height, width, *parts):
    """Parts of a dark image in other levels."""
    gray = np.full((height, width), 50, np.uint8)
    for part, level in parts:
        gray[part] = level
    return gray


INSIDE, ENDS = np.s_[2:6, 3:9], [0, -1]
# Every border and the whole one half and half, 8 pixels of each kind.
CHECKERS = drawn(4, 4, (np.s_[:2, :2], 220), (np.s_[2:, 2:], 220))


@pytest.mark.parametrize('gray, text', [
    (drawn(8, 12, (INSIDE, 220)), 220),
    (255 - drawn(8, 12, (INSIDE, 220)), 35),
    (drawn(8, 12, (INSIDE, 51)), 51),
    # At the bottom, while left and right keep 5 of 8 pixels: three borders are background.
    (drawn(8, 12, (np.s_[-3:], 220)), 220),
    # Two against two: 20 of 28 border pixels, though only 20 of 60 pixels.
    (drawn(6, 10, (ENDS, 220)), 50),
    (255 - drawn(6, 10, (ENDS, 220)), 205),
    # Two against two: 3 of 4 above, 4 of 4 below, 2 of 5 on either side. Bright has 7 of the 14
    # border pixels, a tie, which the size decides; with corners counted twice it had 11 of 18.
    (drawn(5, 4, (ENDS, 220), ((0, 1), 50)), 220),
    # Ties throughout; then one fewer of either kind.
    (CHECKERS, 220), (drawn(4, 4, (CHECKERS > 50, 220), ((1, 1), 50)), 220),
    (drawn(4, 4, (CHECKERS > 50, 220), ((1, 2), 220)), 50),
    # {0 | 1 2} is as good as {0 1 | 2}; columns 1 and 2 hold most of top, bottom and right.
    (np.array([[0, 1, 2]], np.uint8).repeat(3, 0), 0),
])
def test_the_border_votes(gray, text):
    np.testing.assert_array_equal(mask_of(gray), gray == text)
    np.testing.assert_array_equal(oracle_mask(gray), gray == text)


def test_float_images_are_rounded_to_levels():
    gray = textured(0)
    expected = F.two_means_mask(torch.from_numpy(gray)[None])
    for offset in (-0.49, 0.0, 0.49):
        shifted = torch.from_numpy(gray)[None].double() + offset
        assert torch.equal(F.two_means_mask(shifted), expected)
        assert torch.equal(F.two_means_mask(shifted.float()), expected)
    exact = torch.tensor([[[-9.0, 0.5, 1.5, 254.5, 300.0]]])  # halves to even
    rounded = torch.tensor([[[0, 0, 2, 254, 255]]], dtype=torch.uint8)
    assert torch.equal(F.two_means_mask(exact), F.two_means_mask(rounded))


def test_image_alone_and_in_a_batch_and_by_opencv():
    batch = torch.from_numpy(np.stack([textured(seed) for seed in range(7)]))
    for gray, mask in zip(batch.numpy(), F.two_means_mask(batch).numpy()):
        np.testing.assert_array_equal(mask_of(gray), mask)
        bright = mask if gray[mask].mean() > gray[~mask].mean() else ~mask
        threshold, _ = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        np.testing.assert_array_equal(bright, gray > threshold)
    assert F.two_means_mask(batch[:0]).shape == (0, 32, 128)


def oracle_resize(row, width):
    """Bilinear, align_corners=False, in float64."""
    return np.interp((np.arange(width) + 0.5) * len(row) / width - 0.5, np.arange(len(row)), row)


def oracle_resize_map(image, size):
    columns = np.array([oracle_resize(column, size[0]) for column in image.T]).T
    return np.array([oracle_resize(row, size[1]) for row in columns])


@pytest.mark.parametrize('n, t, w, width', [(2, 3, 32, 128), (1, 1, 40, 33), (1, 2, 5, 5),
                                            (3, 1, 1, 4), (2, 2, 26, 8)])
def test_resize_attention(n, t, w, width):
    attention = torch.rand(n, t, w, dtype=torch.double)
    resized = F.resize_attention(attention, width)
    assert resized.shape == (n, t, width)
    for i in range(n):
        for j in range(t):
            expected = oracle_resize(attention[i, j].numpy(), width)
            np.testing.assert_allclose(resized[i, j].numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize('dtype', [torch.half, torch.bfloat16])
@pytest.mark.parametrize('width', [4, 8])
def test_resize_attention_of_half_precision(dtype, width):
    attention = torch.rand(1, 2, 4).to(dtype)
    resized = F.resize_attention(attention, width)
    assert resized.dtype == torch.float32
    torch.testing.assert_close(resized, F.resize_attention(attention.float(), width))


@pytest.mark.parametrize('size', [(6, 12), (3, 6), (12, 24)])
def test_padding_is_background_and_changes_nothing(size):
    attention, foreground = torch.rand(2, 3, 12), torch.rand(2, 6, 12) > 0.5
    lengths, widths = torch.tensor([3, 2]), (12, 6)
    valid = torch.arange(12) < torch.tensor(widths)[:, None]
    resized = F.resize_attention(attention, size[1], valid)
    labels = F.glyph_labels(attention, foreground, lengths, size, 0.3, valid)
    for i, width in enumerate(widths):
        part, to = (slice(i, i + 1), slice(None), slice(width)), size[1] * width // 12
        torch.testing.assert_close(resized[i, :, :to], F.resize_attention(attention[part], to)[0])
        alone = F.glyph_labels(attention[part], foreground[part], lengths[i:i + 1], (size[0], to),
                             0.3)
        assert torch.equal(labels[i, ..., :to], alone[0])
        assert not resized[i, :, to:].any()
        assert labels[i, 0, :, to:].all() and not labels[i, 1:, :, to:].any()


def test_glyph_labels_by_hand():
    foreground = torch.tensor([[[1, 1, 0, 1], [0, 1, 0, 1]]]).bool()
    attention = torch.tensor([[[0.9, 0.06, 0.0, 0.04], [0.0, 0.2, 0.3, 0.05], [1.0, 1, 1, 1]]])
    labels = F.glyph_labels(attention, foreground, torch.tensor([2]), (2, 4))
    expected = torch.tensor([[
        [[0, 0, 1, 0], [1, 0, 1, 0]],
        [[1, 1, 0, 0], [0, 1, 0, 0]],  # 0.04 does not reach the threshold
        [[0, 1, 0, 0], [0, 1, 0, 0]],  # 0.05 does not exceed it
        [[0, 0, 0, 0], [0, 0, 0, 0]],  # past the word
    ]]).bool()
    assert torch.equal(labels, expected)


def attention_and_foreground(n=3, t=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    attention = torch.softmax(3 * torch.randn(n, t, 32, generator=generator), 2)
    return attention, torch.rand(n, 32, 128, generator=generator) > 0.5


@pytest.mark.parametrize('size', [(16, 64), (8, 32), (6, 40)])
@pytest.mark.parametrize('as_float', [False, True])
def test_glyph_labels_brute_force(size, as_float):
    attention, foreground = attention_and_foreground()
    lengths = torch.tensor([0, 3, 9])
    given_foreground = foreground.float() if as_float else foreground
    labels = F.glyph_labels(attention, given_foreground, lengths, size, 0.04)
    assert labels.shape == (3, 6, *size) and labels.dtype == torch.bool
    for n, length in enumerate([0, 3, 5]):
        text = oracle_resize_map(foreground[n].double().numpy(), size) >= 0.4
        np.testing.assert_array_equal(labels[n, 0], ~text)
        for t in range(5):
            columns = oracle_resize(attention[n, t].numpy().astype(float), size[1]) > 0.04
            expected = text & columns if t < length else np.zeros(size, bool)
            np.testing.assert_array_equal(labels[n, t + 1], expected)


ATTENTION, MASK, LENGTHS = torch.rand(2, 3, 8), torch.ones(2, 4, 8), torch.ones(2).long()
GRAY = torch.zeros(1, 4, 4)


@pytest.mark.parametrize('function, arguments, message', [
    (F.masked_two_means, (GRAY[0], ), 'gray must be'),
    (F.masked_two_means, (GRAY[:, :0], ), 'with pixels'),
    (F.masked_two_means, (GRAY.int(), ), 'gray must be uint8'),
    (F.masked_two_means, (GRAY, GRAY[:, 0]), 'valid must be bool'),
    (F.masked_two_means, (GRAY, torch.ones(4, 1).bool()), 'valid must be'),
    (F.two_means_mask_image, (np.zeros((4, 4)), ), 'gray must be uint8'),
    (F.two_means_mask_image, (np.zeros((0, 4), np.uint8), ), 'gray must be uint8'),
    (F.two_means_mask_image, (np.zeros((1, 4, 4), np.uint8), ), 'gray must be uint8'),
    (F.resize_attention, (ATTENTION[0], 8), 'attention must be'),
    (F.resize_attention, (ATTENTION.long(), 8), 'attention must be'),
    (F.resize_attention, (ATTENTION, 0), 'width must be positive'),
    (F.glyph_labels, (ATTENTION[0], MASK, LENGTHS, (4, 8)), 'attention must be'),
    (F.glyph_labels, (ATTENTION, MASK[:1], LENGTHS, (4, 8)), 'foreground must be'),
    (F.glyph_labels, (ATTENTION, MASK[:, None], LENGTHS, (4, 8)), 'foreground must be'),
    (F.glyph_labels, (ATTENTION, MASK.long(), LENGTHS, (4, 8)), 'foreground must be'),
    (F.glyph_labels, (ATTENTION, MASK, torch.ones(3).long(), (4, 8)), 'lengths must be'),
    (F.glyph_labels, (ATTENTION, MASK, torch.ones(2), (4, 8)), 'lengths must be integers'),
])
def test_what_does_not_fit_is_named(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


def calls(device='cpu'):
    gray = torch.from_numpy(np.stack([textured(seed) for seed in range(2)])).to(device)
    valid = (torch.arange(128) < torch.tensor([[100], [128]])).to(device)
    attention, foreground = (x.to(device) for x in attention_and_foreground())
    lengths = torch.tensor([0, 3, 9]).to(device)
    return [(F.two_means_mask, (gray, )), (F.masked_two_means, (gray, valid)),
            (F.glyph_labels, (attention, foreground, lengths, (16, 64)))]


@pytest.mark.parametrize('number', range(3))
def test_compile(number):
    assert runs_in_a_process_of_its_own(compile_and_compare, number)


def compile_and_compare(number):
    function, arguments = calls()[number]
    # Whole graph: nothing asks for a value on the host. No C++ compiler is needed.
    compiled = torch.compile(function, fullgraph=True, backend='aot_eager')
    assert torch.equal(compiled(*arguments), function(*arguments))


@pytest.mark.cuda
def test_a_gpu_is_not_waited_for():
    inputs = calls('cuda')
    torch.cuda.set_sync_debug_mode('error')
    try:
        results = [function(*arguments) for function, arguments in inputs]
    finally:
        torch.cuda.set_sync_debug_mode('default')
    for result, (function, arguments) in zip(results, calls()):
        assert torch.equal(result.cpu(), function(*arguments))

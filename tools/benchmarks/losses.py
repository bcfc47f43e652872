"""Time the glyph losses beside plain loops, and the text mask beside SciPy's k-means.

Both sides of a comparison run in turns, so that a machine whose speed drifts slows both. A row
gives the median of each side and the median ratio with its quartiles.

    python tools/benchmarks/losses.py --batch 64 256 --repeats 5 --count-calls --markdown
    python tools/benchmarks/losses.py --images 'crops/*.png' --device cuda --json losses.json
"""
from __future__ import annotations

import argparse
import glob
import json
import statistics
import sys
from typing import Callable

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from common import Timer, environment, operator_calls
from torch import Tensor

from mmocr_siga.models.losses.functional import (
    coverage_loss,
    glyph_loss,
    orthogonality_loss,
    resize_attention,
    text_mask_loss,
)
from mmocr_siga.models.pseudo_labels.functional import (
    glyph_labels,
    two_means_mask,
    two_means_mask_image,
)

STEPS, HEIGHT, WIDTH, COLUMNS = 26, 32, 128, 32
GLYPH_SIZES = ((16, 64), (8, 32))
WORDS = {'short words (5-6)': (5, 6), 'long words (25)': (25, 25)}


def synthetic_crops(count: int, seed: int = 0) -> np.ndarray:
    """Grey crops (count, 32, 128) uint8: bright or dark strokes on a gradient, blurred, noisy."""
    rng = np.random.default_rng(seed)
    crops = []
    for _ in range(count):
        background = np.linspace(*rng.uniform(60, 140, 2), WIDTH) + np.zeros((HEIGHT, 1))
        strokes = np.zeros((HEIGHT, WIDTH), np.float32)
        for x in range(8, WIDTH - 8, 14):
            points = rng.integers((x - 5, 4), (x + 6, HEIGHT - 4), (3, 2)).astype(np.int32)
            cv2.polylines(strokes, [points], False, 1.0, 3)
        contrast = rng.choice([-1, 1]) * rng.uniform(40, 110)
        crop = background + contrast * cv2.GaussianBlur(strokes, (3, 3), 0)
        crops.append((crop + rng.normal(0, 6, crop.shape)).clip(0, 255).astype(np.uint8))
    return np.stack(crops)


def read_crops(pattern: str, count: int) -> np.ndarray:
    """Up to ``count`` images of a glob pattern as grey crops of 32x128."""
    images = (cv2.imread(path, cv2.IMREAD_GRAYSCALE) for path in sorted(glob.glob(pattern)))
    crops = [cv2.resize(image, (WIDTH, HEIGHT)) for image in images if image is not None]
    if not crops:
        raise FileNotFoundError(f'no readable image matches {pattern!r}')
    return np.stack([crops[i % len(crops)] for i in range(count)])


def make_case(gray: Tensor, length_range: tuple[int, int]) -> dict[str, Tensor]:
    """Inputs of one training step: the network outputs as leaves, masks and word lengths."""
    n, device = gray.size(0), gray.device
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(length_range[0], length_range[1] + 1, (n, ), generator=generator)
    centres = (torch.arange(STEPS) + 0.5) * COLUMNS / (lengths[:, None] + 1)
    columns = torch.arange(COLUMNS) + 0.5
    attention = torch.softmax(-(columns - centres[:, :, None]).square(), 2)
    case = dict(attention=attention, mask_logits=torch.randn(
        n, 2, HEIGHT, WIDTH, generator=generator))
    for index, size in enumerate(GLYPH_SIZES):
        case[f'glyph_logits_{index}'] = torch.randn(n, STEPS + 1, *size, generator=generator)
    case = {name: value.to(device).requires_grad_() for name, value in case.items()}
    return dict(case, lengths=lengths.to(device), mask=two_means_mask(gray))


def vectorised_terms(case: dict[str, Tensor]) -> list[Tensor]:
    """All terms by the library."""
    mask, lengths = case['mask'], case['lengths']
    attention = resize_attention(case['attention'], WIDTH)
    terms = [
        text_mask_loss(case['mask_logits'], mask),
        orthogonality_loss(attention, lengths),
        coverage_loss(attention, mask, lengths)
    ]
    for index, size in enumerate(GLYPH_SIZES):
        labels = glyph_labels(case['attention'], mask, lengths, size)
        terms += glyph_loss(case[f'glyph_logits_{index}'], labels, lengths)
    return terms


def loop_terms(case: dict[str, Tensor]) -> list[Tensor]:
    """The same terms by loops over samples, steps and pairs of steps."""
    mask, lengths = case['mask'], case['lengths'].tolist()
    attention = F.interpolate(case['attention'], WIDTH, mode='linear', align_corners=False)
    terms = [
        torch.stack([
            F.cross_entropy(case['mask_logits'][n:n + 1], mask[n:n + 1].long())
            for n in range(len(lengths))
        ]).mean(),
        torch.stack([loop_orthogonality(a[:n]) for a, n in zip(attention, lengths)]).mean(),
        torch.stack([loop_coverage(a[:n], s)
                     for a, n, s in zip(attention, lengths, mask)]).mean()
    ]
    for index, size in enumerate(GLYPH_SIZES):
        logits = case[f'glyph_logits_{index}']
        labels = torch.stack([
            loop_labels(a, s, n, size) for a, s, n in zip(case['attention'], mask, lengths)
        ])
        terms.append(F.cross_entropy(logits, labels.argmax(1)))
        terms.append(torch.stack([
            loop_dice(p, y, n) for p, y, n in zip(logits.softmax(1), labels, lengths)
        ]).mean())
    return terms


def loop_orthogonality(attention: Tensor) -> Tensor:
    total = attention.sum() * 0
    for i in range(len(attention)):
        for j in range(i + 1, len(attention)):
            total = total + (attention[i] * attention[j]).square().sum()
    return total / len(attention)


def loop_coverage(attention: Tensor, mask: Tensor) -> Tensor:
    joint = torch.zeros(mask.shape, device=mask.device)
    for step in attention:
        joint = joint + torch.sigmoid(70 * (step - 0.1))[None] * mask
    joint = joint.clamp(0, 1)
    return -torch.where(mask, joint, 1 - joint).clamp(min=1e-6).log().mean()


@torch.no_grad()
def loop_labels(attention: Tensor, mask: Tensor, length: int, size: tuple[int, int]) -> Tensor:
    mask = F.interpolate(
        mask[None, None].float(), size, mode='bilinear', align_corners=False)[0, 0] >= 0.4
    labels = torch.zeros(len(attention) + 1, *size, device=mask.device)
    labels[0] = 1 - mask.float()
    for step in range(length):
        resized = F.interpolate(
            attention[None, step:step + 1], size[1], mode='linear', align_corners=False)[0]
        labels[step + 1] = mask * (resized > 0.05)
    return labels


def loop_dice(probabilities: Tensor, labels: Tensor, length: int) -> Tensor:
    losses = []
    for p, y in zip(probabilities[1:length + 1], labels[1:length + 1]):
        losses.append(1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1))
    return torch.stack(losses).mean()


def step(terms: Callable, case: dict[str, Tensor]) -> list[Tensor]:
    """Forward and backward."""
    for value in case.values():
        value.grad = None
    values = terms(case)
    sum(values).backward()
    return values


def kmeans_masks(crops: np.ndarray) -> None:
    """2-means on the pixel values by SciPy's iterative k-means, crop by crop."""
    from scipy.cluster.vq import kmeans, vq
    for crop in crops:
        pixels = crop.reshape(-1, 1).astype(np.float64)
        vq(pixels, kmeans(pixels, 2)[0])


def count_calls(terms: Callable, case: dict[str, Tensor]) -> int:
    return operator_calls(lambda: step(terms, case))


def compare(name: str, ours: Callable, other: Callable, timer: Timer,
            items: tuple[int, int] = (1, 1)) -> dict:
    """A row of the table; a call of each does so many ``items``, and times are per item."""
    pairs = [(a / items[0], b / items[1]) for a, b in timer.pairs(ours, other)]
    low, middle, high = np.percentile([b / a for a, b in pairs], (25, 50, 75)).tolist()
    row = dict(
        name=name,
        ours_ms=1e3 * statistics.median(a for a, _ in pairs),
        other_ms=1e3 * statistics.median(b for _, b in pairs),
        ratio=middle,
        ratio_quartiles=[low, high])
    print(f"{name}: {row['ours_ms']:.4g} ms, other {row['other_ms']:.4g} ms, "
          f'ratio {middle:.1f} ({low:.1f}-{high:.1f})', file=sys.stderr, flush=True)
    return row


def loss_rows(gray: Tensor, timer: Timer, calls: bool) -> list[dict]:
    rows = []
    for words, length_range in WORDS.items():
        case = make_case(gray, length_range)
        ours, theirs = step(vectorised_terms, case), step(loop_terms, case)
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
        row = compare(f'losses, batch {gray.size(0)}, {words}',
                      lambda: step(vectorised_terms, case),  # noqa: B023
                      lambda: step(loop_terms, case),  # noqa: B023
                      timer)
        if calls:
            row['ours_calls'] = count_calls(vectorised_terms, case)
            row['other_calls'] = count_calls(loop_terms, case)
        rows.append(row)
    return rows


def mask_rows(gray: Tensor, crops: np.ndarray, timer: Timer) -> list[dict]:
    """The mask per crop: in a batch, alone, and alone in NumPy, on one thread of the CPU."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    few = crops[:16]
    calls = 5  # A single call of a few milliseconds would time cold caches above all.
    alone = [torch.from_numpy(crop)[None] for crop in few]
    ways = {
        f'mask per crop, batch {len(crops)}': (lambda: [two_means_mask(gray) for _ in range(calls)],
                                                calls * len(crops)),
        'mask per crop, batch 1': (lambda: [two_means_mask(crop) for crop in alone], len(few)),
        'mask per crop, NumPy': (lambda: [two_means_mask_image(crop) for crop in crops],
                                 len(crops)),
    }
    rows = [
        compare(name, ours, lambda: kmeans_masks(few), timer, (count, len(few)))
        for name, (ours, count) in ways.items()
    ]
    torch.set_num_threads(threads)
    return rows


def markdown(rows: list[dict], info: dict) -> str:
    lines = [', '.join(f'{key} {value}' for key, value in info.items()), '',
             '| | ours, ms | loops or k-means, ms | ratio (quartiles) | operator calls |',
             '|---|---|---|---|---|']
    for row in rows:
        low, high = row['ratio_quartiles']
        calls = f"{row['ours_calls']} / {row['other_calls']}" if 'ours_calls' in row else ''
        lines.append(f"| {row['name']} | {row['ours_ms']:.4g} | {row['other_ms']:.4g} | "
                     f"{row['ratio']:.1f} ({low:.1f}-{high:.1f}) | {calls} |")
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--batch', type=int, nargs='+', default=[64, 256])
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--threads', type=int, help='CPU threads; default: as torch chooses')
    parser.add_argument('--cpu-time', action='store_true',
                        help='time the processor, not the clock: for a machine others use too')
    parser.add_argument('--count-calls', action='store_true',
                        help='count operator calls of the losses; slow, the loops have millions')
    parser.add_argument('--images', help='glob of word crops; default: synthetic crops')
    parser.add_argument('--json', help='file to write')
    parser.add_argument('--markdown', action='store_true', help='print a table')
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device(args.device)
    import scipy
    info, rows = dict(environment(device), scipy=scipy.__version__), []
    info['clock'] = 'processor' if args.cpu_time else 'wall'
    timer = Timer(device, args.repeats, args.cpu_time)
    for batch in args.batch:
        crops = read_crops(args.images, batch) if args.images else synthetic_crops(batch)
        gray = torch.from_numpy(crops).to(device)
        rows += mask_rows(gray, crops, timer) + loss_rows(gray, timer, args.count_calls)
    if args.json:
        with open(args.json, 'w') as file:
            json.dump(dict(environment=info, rows=rows), file, indent=2)
    if args.markdown:
        print(markdown(rows, info))


if __name__ == '__main__':
    main()

"""Backgrounds: flat boards, gradients, simple textures and pieces of photographs."""
from __future__ import annotations

import os
from functools import lru_cache

import cv2
import numpy as np

from ..images import IMAGE_SUFFIXES, walk_pictures


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Noise with ``cells`` cells along the height: float32 (H, W), about [-1, 1]."""
    height, width = shape
    columns = max(2, int(round(cells * width / height)))
    grid = rng.uniform(-1, 1, (max(2, cells), min(columns, 4 * width))).astype(np.float32)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def linear_ramp(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A ramp in a random direction, float32 (H, W) from -1 to 1."""
    height, width = shape
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(np.cos(angle))
    y = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(np.sin(angle))
    ramp = x[None] + y[:, None]
    return ramp / max(float(np.abs(ramp).max()), 1e-6)


def texture(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A gray texture of grain, clouds, stripes or bricks: float32 (H, W), about [-1, 1]."""
    height, width = shape
    kind = int(rng.integers(4))
    if kind == 0:
        return cv2.GaussianBlur(rng.standard_normal(shape, np.float32), (0, 0),
                                float(rng.uniform(0.5, 2.0)))
    if kind == 1:
        return (smooth_noise(rng, shape, int(rng.integers(2, 6)))
                + 0.5 * smooth_noise(rng, shape, int(rng.integers(6, 20)))) / 1.5
    if kind == 2:
        period, angle = rng.uniform(3, 25), rng.uniform(0, np.pi)
        x = np.arange(width, dtype=np.float32) * np.float32(np.cos(angle) * 6.2832 / period)
        y = np.arange(height, dtype=np.float32) * np.float32(np.sin(angle) * 6.2832 / period)
        wave = np.sin(x[None] + y[:, None] + np.float32(rng.uniform(0, 6)))
        return np.clip(wave * np.float32(rng.uniform(1, 6)), -1, 1)
    tall, wide = rng.uniform(6, 16), rng.uniform(14, 40)
    row = (np.arange(height) / tall).astype(int)
    x = (np.arange(width)[None] + (row % 2)[:, None] * wide / 2) % wide
    y = (np.arange(height) % tall)[:, None]
    bricks = np.where((x < 2) | (y < 2), np.float32(-1), np.float32(0.3))
    return bricks + 0.3 * rng.standard_normal(shape, np.float32)


def metal(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A plate of brushed, cast or painted metal: float32 BGR (H, W, 3), about [0, 255]."""
    height, width = shape
    grain = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.5:  # brushed along x or y
        length = (int(rng.integers(9, 40)) | 1, 1)
        grain = cv2.blur(grain, length if rng.random() < 0.8 else length[::-1])
    else:  # cast: pits of several sizes
        grain = cv2.GaussianBlur(grain, (0, 0), float(rng.uniform(0.7, 1.6)))
        grain = grain + 0.4 * smooth_noise(rng, shape, max(3, height // 6))
    grain *= np.float32(rng.uniform(4, 14)) / max(float(grain.std()), 1e-3)
    sheen = linear_ramp(rng, shape) * np.float32(rng.uniform(5, 40))
    color = rng.uniform(60, 200) * (1 + rng.uniform(-0.12, 0.12, 3))
    return color.astype(np.float32) + (grain + sheen)[..., None]


@lru_cache(maxsize=256)
def _photo(path: str) -> np.ndarray | None:
    return cv2.imread(path, cv2.IMREAD_COLOR)


def find_photographs(folder: os.PathLike) -> tuple[list[str], list[str]]:
    """The pictures of a folder and its subfolders that OpenCV has a reader for, and the others."""
    found = sorted(path for path, problem in walk_pictures(os.fspath(folder)) if not problem)
    if not found:
        raise FileNotFoundError(f'no picture ({", ".join(IMAGE_SUFFIXES)}) under {str(folder)!r}')
    good = [path for path in found if cv2.haveImageReader(path)]
    if not good:
        raise ValueError(f'none of the {len(found)} pictures under {str(folder)!r} can be read')
    return good, sorted(set(found) - set(good))


def photo_piece(rng: np.random.Generator, path: str, shape: tuple[int, int]) -> np.ndarray | None:
    """A random piece of a photograph, float32 BGR (H, W, 3) in [0, 255]; None if undecodable."""
    photo = _photo(path)
    if photo is None:
        return None
    height, width = shape
    limit = min(photo.shape[0] / height, photo.shape[1] / width)
    scale = min(float(np.exp(rng.uniform(np.log(0.4), np.log(2.5)))), limit)
    h = min(max(int(height * scale), 1), photo.shape[0])
    w = min(max(int(width * scale), 1), photo.shape[1])
    y = int(rng.integers(photo.shape[0] - h + 1))
    x = int(rng.integers(photo.shape[1] - w + 1))
    piece = photo[y:y + h, x:x + w]
    if rng.random() < 0.5:
        piece = piece[:, ::-1]
    return cv2.resize(piece, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)


def make_background(rng: np.random.Generator, shape: tuple[int, int], color: np.ndarray,
                    busy: float, photographs: list[str]) -> np.ndarray:
    """A background around a color, with the probability ``busy`` of a texture or, if there are any,
    a photograph: float32 BGR (H, W, 3), about [0, 255]."""
    base = np.empty((*shape, 3), np.float32)
    base[:] = color
    if rng.random() < 0.6:
        ramp = linear_ramp(rng, shape) * np.float32(rng.uniform(3, 25))
        base += ramp[..., None]
    if rng.random() >= busy:
        return base
    piece = None
    if photographs and rng.random() < 0.65:
        piece = photo_piece(rng, photographs[int(rng.integers(len(photographs)))], shape)
    if piece is None:
        # A texture keeps the hue of the board, so one weight per channel is enough.
        amount = rng.uniform(5, 40) * (0.7 + 0.3 * rng.random(3))
        return base + texture(rng, shape)[..., None] * amount.astype(np.float32)
    if rng.random() < 0.5:
        piece = cv2.GaussianBlur(piece, (0, 0), float(rng.uniform(0.5, 4)))
    weight = np.float32(1 if rng.random() < 0.4 else rng.uniform(0.15, 0.8))
    return base * (1 - weight) + piece * weight

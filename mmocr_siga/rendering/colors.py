"""Color pairs with a real contrast."""
from __future__ import annotations

import colorsys

import numpy as np

_LUMA = np.array([0.114, 0.587, 0.299], np.float32)


def luminance(color: np.ndarray) -> np.ndarray:
    """Luma of BGR values: (..., 3) to (...)."""
    return np.asarray(color, np.float32) @ _LUMA


def random_color(rng: np.random.Generator) -> np.ndarray:
    """A color as signs have them, black, white, gray, dull or vivid: float32 BGR in [0, 255]."""
    kind = rng.random()
    if kind < 0.22:
        value = rng.uniform(185, 255)
        color = value + rng.uniform(-12, 12, 3)
    elif kind < 0.42:
        value = rng.uniform(5, 65)
        color = value + rng.uniform(-10, 10, 3)
    elif kind < 0.57:
        value = rng.uniform(60, 190)
        color = value + rng.uniform(-10, 10, 3)
    else:
        # Reds, yellows and blues are commoner on signs than greens and purples.
        hue = float(rng.choice([0.0, 0.03, 0.1, 0.14, 0.35, 0.55, 0.6, 0.64])) + rng.normal() * 0.03
        if rng.random() < 0.25:
            hue = rng.random()
        saturation = rng.uniform(0.55, 1.0) if rng.random() < 0.7 else rng.uniform(0.1, 0.5)
        rgb = colorsys.hsv_to_rgb(hue % 1.0, saturation, rng.uniform(0.3, 1.0))
        color = 255 * np.array(rgb[::-1])
    return np.clip(color, 0, 255).astype(np.float32)


def contrasting_color(rng: np.random.Generator, other: np.ndarray, contrast: float,
                       tries: int = 12) -> np.ndarray:
    """A color whose luma differs from another's by ``contrast`` gray levels, black or white after
    some tries: float32 BGR (3,)."""
    target = float(luminance(other))
    for _ in range(tries):
        color = random_color(rng)
        if abs(float(luminance(color)) - target) >= contrast:
            return color
    value = 0.0 if target > 127 else 255.0
    return np.full(3, value, np.float32)

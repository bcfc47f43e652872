"""Blur by motion."""
import math

import numpy as np


def motion_kernel(length: float, angle: float) -> np.ndarray:
    """Point spread function of a straight, even motion: float32 (k, k), odd k, symmetric, sum 1.

    ``length`` is in pixels, ``angle`` in degrees, counter-clockwise from the x axis.
    """
    radius = math.ceil(length / 2)
    # Steps below a quarter of a pixel, spread bilinearly, make a smooth line.
    steps = (np.arange(4 * radius + 1) / max(4 * radius, 1) - .5) * length
    x = radius + steps * math.cos(math.radians(angle))
    y = radius - steps * math.sin(math.radians(angle))
    grid = np.arange(2 * radius + 1)
    # Product of tents: the bilinear share of each step in each cell.
    tents_x = np.clip(1 - np.abs(grid[:, None] - x), 0, None)
    tents_y = np.clip(1 - np.abs(grid[:, None] - y), 0, None)
    kernel = tents_y @ tents_x.T
    return (kernel / kernel.sum()).astype(np.float32)

"""From paint to a picture: what is cut out, its size, light, lens, sensor and compression."""
from __future__ import annotations

import cv2
import numpy as np

from . import effects
from .styles import RenderStyle


def crop_box(rng: np.random.Generator, style: RenderStyle, glyphs: np.ndarray,
             unit: float) -> tuple[slice, slice]:
    """Rows and columns of the crop: the ink's box moved by random margins."""
    x, y, w, h = cv2.boundingRect(glyphs)
    if rng.random() < style.tight:
        margins = rng.uniform(-0.04, 0.12, 4)
        # Cutting into a word may take letters off its ends, so it cuts less there.
        margins[:2] = np.maximum(margins[:2], -0.02)
    else:
        margins = rng.uniform(*style.margin, 4)
    left, right, above, below = (margins * unit).round().astype(int)
    x0, y0 = max(x - left, 0), max(y - above, 0)
    return (slice(y0, max(min(y + h + below, glyphs.shape[0]), y0 + 2)),
            slice(x0, max(min(x + w + right, glyphs.shape[1]), x0 + 2)))


def to_height(image: np.ndarray, glyphs: np.ndarray,
              limits: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    height, width = glyphs.shape
    wanted = int(np.clip(height, *limits))
    if wanted == height:
        return image, np.ascontiguousarray(glyphs)
    size = (max(2, round(width * wanted / height)), wanted)
    how = cv2.INTER_AREA if wanted < height else cv2.INTER_LINEAR
    return (cv2.resize(image, size, interpolation=how),
            cv2.resize(glyphs, size, interpolation=cv2.INTER_NEAREST))


def bearable_blur(unit: float) -> float:
    """The part of blur and loss of resolution that letters bear, by the share of the height of the
    picture that capitals take: on an arc or a slope they are a small part of the crop."""
    return min(1.0, unit / 0.55)


def photograph(rng: np.random.Generator, style: RenderStyle, image: np.ndarray,
               glyphs: np.ndarray, bearable: float, measured: dict | None = None) -> np.ndarray:
    """Light, lens, sensor and compression: float32 to uint8 BGR of the same size; of blur and loss
    of resolution the part that is ``bearable``. ``measured`` keeps what is measured on the first
    picture of a group for the others."""
    measured = {} if measured is None else measured
    if rng.random() < style.lighting:
        image = effects.lighting(rng, image)
    if rng.random() < style.tone:
        if 'separation' not in measured:
            measured.update(separation=effects.separation(image, glyphs),
                            mean=image.mean((0, 1), dtype=np.float32))
        image = effects.tone(rng, image, style.low_contrast, measured['separation'],
                             measured['mean'])
    height, width = image.shape[:2]
    low, high = np.log(style.seen_height)
    seen = height
    if rng.random() < style.low_resolution:
        seen = int(np.exp(rng.uniform(low, high)) / bearable)
    if rng.random() < style.blur:
        # Few pixels blur enough by themselves: both at full strength leave nothing to read.
        sigma = rng.uniform(*style.blur_sigma) * 0.75 * height * bearable
        image = effects.blurred(rng, image, sigma * min(1.0, 0.3 + seen / 48))
    if seen < height:
        size = (max(2, round(width * seen / height)), seen)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if rng.random() < style.sharpen:
        image = effects.sharpened(image, rng.uniform(0.3, 1.5))
    if rng.random() < style.noise:
        # Small crops come from noisier, smoothed pictures, but noise must not drown the letters.
        if 'spread' not in measured:
            measured['spread'] = image.std()
        sigma = rng.uniform(*style.noise_sigma) * min(1.0, 0.15 + measured['spread'] / 45)
        image = effects.noisy(rng, image, sigma)
    picture = effects.to_uint8(image)
    if rng.random() < style.jpeg:
        picture = effects.recompressed(picture, rng.integers(*style.jpeg_quality, endpoint=True))
    if seen < height:
        how = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
        picture = cv2.resize(picture, (width, height), interpolation=how)
    return picture

"""What happens to the paint, to the light and in the camera. Pictures are float32 BGR."""
from __future__ import annotations

import cv2
import numpy as np

from ..images.motion import motion_kernel
from .backgrounds import linear_ramp, smooth_noise


def blend(image: np.ndarray, alpha: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Paint ``color`` (3,) or (H, W, 3) over ``image`` with opacity ``alpha`` (H, W) in [0, 1]."""
    return image + alpha[..., None] * (color - image)


def shifted(layer: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """Shift a layer (H, W); what comes in is 0."""
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(layer, matrix, layer.shape[::-1])


def grown(layer: np.ndarray, radius: float) -> np.ndarray:
    """Dilate (positive radius) or erode (negative) a coverage layer by a disc, in pixels."""
    side = 2 * int(np.ceil(abs(radius))) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    full = (cv2.dilate if radius > 0 else cv2.erode)(layer, kernel)
    part = abs(radius) / max(np.ceil(abs(radius)), 1)
    return layer + np.float32(part) * (full - layer)


def reweighted(ink: np.ndarray, glyphs: np.ndarray,
               radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Make letters bolder (positive radius in pixels) or lighter, and their labels with them; 0
    changes nothing."""
    if not radius:
        return ink, glyphs
    side = 2 * int(np.ceil(abs(radius))) + 1
    ink = grown(ink.astype(np.float32), radius).round().astype(np.uint8)
    spread = cv2.dilate(glyphs, np.ones((side, side), np.uint8))
    return ink, np.where(glyphs > 0, glyphs, spread) * (ink > 127)


def shadow(rng: np.random.Generator, image: np.ndarray, alpha: np.ndarray,
           unit: float) -> np.ndarray:
    """Cast a soft or hard shadow of ``alpha`` (H, W); ``unit`` is the cap height in pixels."""
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.04, 0.14) * unit
    layer = shifted(alpha, reach * np.cos(angle), reach * np.sin(angle))
    if rng.random() < 0.7:
        layer = cv2.GaussianBlur(layer, (0, 0), float(rng.uniform(0.02, 0.1) * unit))
    return image * (1 - np.float32(rng.uniform(0.3, 0.9)) * layer)[..., None]


def extrusion(rng: np.random.Generator, image: np.ndarray, alpha: np.ndarray, unit: float,
              color: np.ndarray) -> np.ndarray:
    """Paint the side walls of raised letters in a darker shade of ``color``."""
    angle, depth = rng.uniform(0, 2 * np.pi), max(1, int(rng.uniform(0.04, 0.16) * unit))
    walls = alpha
    for step in range(1, depth + 1):
        walls = np.maximum(walls, shifted(alpha, step * np.cos(angle), step * np.sin(angle)))
    return blend(image, walls, color * np.float32(rng.uniform(0.2, 0.6)))


def relief(rng: np.random.Generator, alpha: np.ndarray, unit: float,
           measured: dict | None = None) -> np.ndarray:
    """Light on embossed or engraved letters: float32 (H, W), about [-1, 1]. ``measured`` keeps the
    steepest slope of the first picture of a group for the others."""
    smooth = cv2.GaussianBlur(alpha, (0, 0), float(max(0.6, rng.uniform(0.02, 0.06) * unit)))
    angle = rng.uniform(0, 2 * np.pi)
    slope = (cv2.Sobel(smooth, cv2.CV_32F, 1, 0) * np.float32(np.cos(angle))
             + cv2.Sobel(smooth, cv2.CV_32F, 0, 1) * np.float32(np.sin(angle)))
    measured = {} if measured is None else measured
    if 'slope' not in measured:
        measured['slope'] = max(float(np.abs(slope).max()), 1e-3)
    return slope / measured['slope']


def worn(rng: np.random.Generator, alpha: np.ndarray) -> np.ndarray:
    """Let paint flake off: lowers ``alpha`` (H, W) in patches."""
    height = alpha.shape[0]
    patches = smooth_noise(rng, alpha.shape, max(4, height // 4))
    patches = patches + 0.5 * smooth_noise(rng, alpha.shape, max(8, height // 2))
    keep = np.clip((patches + np.float32(rng.uniform(0.35, 1.0))) * 4, 0.15, 1)
    return alpha * keep


def dotted(rng: np.random.Generator, alpha: np.ndarray, unit: float) -> np.ndarray:
    """Break letters into lamps of a display: multiplies ``alpha`` (H, W) by a grid of dots."""
    period = max(3.0, unit / rng.uniform(8, 13))
    y, x = np.ogrid[:alpha.shape[0], :alpha.shape[1]]
    wave = np.cos(6.2832 * x / period) + np.cos(6.2832 * y / period)
    return alpha * np.clip(0.75 + 0.6 * wave, 0.1, 1).astype(np.float32)


def lighting(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Uneven light: a ramp, a soft blob, a highlight or the edge of a cast shadow."""
    shape, kind = image.shape[:2], int(rng.integers(4))
    if kind == 0:
        field = 1 + linear_ramp(rng, shape) * np.float32(rng.uniform(0.1, 0.45))
    elif kind == 1:
        field = 1 + smooth_noise(rng, shape, 2) * np.float32(rng.uniform(0.1, 0.35))
    elif kind == 2:
        ramp = linear_ramp(rng, shape) + np.float32(rng.uniform(-0.6, 0.6))
        edge = np.clip(ramp * np.float32(rng.uniform(2, 25)), 0, 1)
        field = 1 - edge * np.float32(rng.uniform(0.2, 0.6))
    else:
        y, x = np.ogrid[:shape[0], :shape[1]]
        cx, cy = rng.uniform(0, shape[1]), rng.uniform(0, shape[0])
        spread = (rng.uniform(0.3, 1.0) * shape[0]) ** 2
        glow = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / spread).astype(np.float32)
        return image + (glow * np.float32(rng.uniform(30, 130)))[..., None]
    return image * field[..., None]


def separation(image: np.ndarray, ink: np.ndarray) -> float:
    """How far the text stands out: distance of the mean colors on and off ``ink`` (H, W)."""
    on = cv2.mean(image, (ink > 0).astype(np.uint8))[:3]
    off = cv2.mean(image, (ink == 0).astype(np.uint8))[:3]
    return float(np.linalg.norm(np.subtract(on, off))) / 3 ** 0.5


def tone(rng: np.random.Generator, image: np.ndarray, low: float, separated: float,
         mean: np.ndarray) -> np.ndarray:
    """Lower the contrast about the ``mean`` color (3,), by no more than ``low`` and to about 25
    gray levels of what :func:`separation` found, darken or lift, and tint a little."""
    factor = np.float32(max(rng.uniform(low, 1), min(1.0, 25 / max(separated, 1.0))))
    gain = rng.uniform(0.5, 1.1) * (1 + rng.uniform(-0.06, 0.06, 3))
    offset = rng.uniform(0, 35) if rng.random() < 0.3 else 0.0
    return (mean + factor * (image - mean)) * gain.astype(np.float32) + np.float32(offset)


def blurred(rng: np.random.Generator, image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur by defocus or, one time in four, by motion of about ``2 * sigma`` pixels."""
    if rng.random() >= 0.25:
        return cv2.GaussianBlur(image, (0, 0), max(sigma, 0.1))
    return cv2.filter2D(image, -1, motion_kernel(max(2.0, 3.5 * sigma), rng.uniform(0, 180)))


def sharpened(image: np.ndarray, amount: float) -> np.ndarray:
    smooth = cv2.GaussianBlur(image, (0, 0), 1.2)
    return image + np.float32(amount) * (image - smooth)


def noisy(rng: np.random.Generator, image: np.ndarray, sigma: float) -> np.ndarray:
    """Add sensor noise of standard deviation ``sigma``, partly common to the channels."""
    common = rng.standard_normal(image.shape[:2], np.float32)[..., None]
    if rng.random() < 0.4:
        return image + np.float32(sigma) * common
    own = rng.standard_normal(image.shape, np.float32)
    return image + np.float32(0.7 * sigma) * (common + own)


def to_uint8(image: np.ndarray) -> np.ndarray:
    return np.clip(image + np.float32(0.5), 0, 255).astype(np.uint8)


def recompressed(image: np.ndarray, quality: int) -> np.ndarray:
    data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def scribble(rng: np.random.Generator, image: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Draw a line of a frame, an underline or a scratch."""
    height, width = image.shape[:2]
    thickness = max(1, int(rng.uniform(0.02, 0.07) * height))
    kind = rng.random()
    if kind < 0.6:
        y = int((rng.uniform(0, 0.1) if rng.random() < 0.5 else rng.uniform(0.9, 1)) * height)
        ends = ((0, y), (width, y + int(rng.normal() * 0.03 * height)))
    elif kind < 0.8:
        x = int(rng.choice([0, width - 1]) + rng.normal() * 0.05 * height)
        ends = ((x, 0), (x, height))
    else:
        ends = ((int(rng.uniform(0, width)), 0), (int(rng.uniform(0, width)), height))
        thickness = 1
    return cv2.line(np.ascontiguousarray(image), *ends, [float(c) for c in color], thickness,
                    cv2.LINE_AA)

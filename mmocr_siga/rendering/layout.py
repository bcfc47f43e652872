"""Lays a line of glyphs out and bends it into perspective."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .backgrounds import smooth_noise
from .fonts import FontFace, draw_glyph, open_face


@dataclass
class Line:
    """A straight line of text before it is warped; layers are uint8 (H, W)."""
    ink: np.ndarray  # coverage of the word
    context: np.ndarray  # coverage of neighboring text
    labels: np.ndarray  # 0 for background, k for the k-th character
    box: tuple[int, int, int, int]  # x0, y0, x1, y1 of the word's ink
    cap_height: float  # of capitals, in pixels
    baseline: float = 0.0  # row on which the letters stand


def pen_positions(face: FontFace, text: str, sizes: list[int], spacing: float) -> list[float]:
    """Pen x of each glyph of a nominal size and of the end, from 0; kerned where sizes agree."""
    positions = [0.0]
    for i, char in enumerate(text):
        font = open_face(face.path, sizes[i])
        after = text[i + 1:i + 2] if sizes[i:i + 1] == sizes[i + 1:i + 2] else ''
        advance = font.getlength(char + after) - font.getlength(after)
        positions.append(positions[-1] + max(advance, 1.0) + spacing)
    return positions


def _paste(canvas: np.ndarray, glyph: np.ndarray, x: int, y: int, value: int = 0,
           labels: np.ndarray | None = None) -> None:
    """Merge a glyph into a canvas, cut at its edges; mark its ink in ``labels`` too."""
    height, width = canvas.shape
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + glyph.shape[1], width), min(y + glyph.shape[0], height)
    if x1 <= x0 or y1 <= y0:
        return
    part = glyph[y0 - y:y1 - y, x0 - x:x1 - x]
    view = canvas[y0:y1, x0:x1]
    np.maximum(view, part, out=view)
    if labels is not None:
        labels[y0:y1, x0:x1][part > 127] = value


def write_line(canvas: np.ndarray, face: FontFace, text: str, size: int, x: float,
               y: float) -> None:
    """Write text into a coverage (H, W), uint8, at a pen position, cut at its edges."""
    font = open_face(face.path, size)
    for char in text:
        glyph, gx, gy = draw_glyph(font, char)
        _paste(canvas, glyph, int(round(x)) + gx, int(round(y)) + gy)
        x += font.getlength(char)


def lay_out(face: FontFace, text: str, cap_height: float, spacing: float = 0.0,
            first_larger: float = 1.0, jitter: float = 0.0, margin: float = 0.6,
            neighbors: tuple[str, str, str, str] = ('', '', '', ''),
            rng: np.random.Generator | None = None) -> Line:
    """Draw a word of less than 256 characters on a straight line; a ValueError if it leaves no ink.

    ``spacing`` between letters, ``jitter`` of their height and the free ``margin`` around the ink
    are fractions of ``cap_height`` in pixels. ``neighbors`` are texts to the left, to the right,
    above and below; they and jitter need ``rng``.
    """
    size = face.size_for(cap_height)
    sizes = [size] * len(text)
    sizes[0] = int(round(size * first_larger))
    pens = pen_positions(face, text, sizes, spacing * cap_height)
    glyphs = []
    for i, char in enumerate(text):
        glyph, x, y = draw_glyph(open_face(face.path, sizes[i]), char)
        if glyph.size:
            rise = int(round(rng.normal() * jitter * cap_height)) if jitter and rng else 0
            glyphs.append((i + 1, glyph, x + int(round(pens[i])), y + rise))
    if not glyphs:
        raise ValueError(f'{text!r} leaves no ink in {face.path}')
    pad = int(round(margin * cap_height)) + 2
    x0, y0 = min(g[2] for g in glyphs), min(g[3] for g in glyphs)
    x1 = max(g[2] + g[1].shape[1] for g in glyphs)
    y1 = max(g[3] + g[1].shape[0] for g in glyphs)
    shape = (y1 - y0 + 2 * pad, x1 - x0 + 2 * pad)
    ink, labels = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for value, glyph, x, y in glyphs:
        _paste(ink, glyph, x - x0 + pad, y - y0 + pad, value, labels)
    context = np.zeros(shape, np.uint8)
    if rng is not None and any(neighbors):
        _write_neighbors(context, face, size, neighbors, rng, pens[-1], (x0, y0, pad),
                          y1 - y0, cap_height)
    return Line(ink, context, labels, (pad, pad, pad + x1 - x0, pad + y1 - y0), cap_height,
                pad - y0)


def _write_neighbors(canvas: np.ndarray, face: FontFace, size: int,
                     neighbors: tuple[str, str, str, str], rng: np.random.Generator, end: float,
                     origin: tuple[int, int, int], height: int, cap_height: float) -> None:
    left, right, above, below = neighbors
    x, y = origin[2] - origin[0], origin[2] - origin[1]
    gap = rng.uniform(0.35, 0.8) * cap_height
    font = open_face(face.path, size)
    if left:
        write_line(canvas, face, left, size, x - gap - font.getlength(left), y)
    if right:
        write_line(canvas, face, right, size, x + end + gap, y)
    for words, side in ((above, -1), (below, 1)):
        if words:
            leading = max(rng.uniform(1.35, 1.9) * cap_height, 0.9 * height + 0.2 * cap_height)
            shift = rng.uniform(-2.0, 0.5) * cap_height
            write_line(canvas, face, words, size, x + shift, y + side * leading)


@dataclass(frozen=True)
class Warp:
    """Arc, then shear, stretch and rotation, then perspective, about the middle of a line."""
    arc: float = 0.0  # angle that the line subtends, in radians; positive bends the ends down
    angle: float = 0.0  # in radians, clockwise on the picture
    shear: float = 0.0  # horizontal shift per unit of height
    stretch: float = 1.0  # horizontal scale
    perspective: tuple[float, float] = (0.0, 0.0)  # change of scale to the right and lower ends

    def matrix(self, half_width: float, half_height: float) -> np.ndarray:
        """Homography (3, 3) from centered line coordinates to centered picture coordinates."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        affine = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array(
            [[self.stretch, self.shear, 0], [0, 1, 0], [0, 0, 1]])
        projective = np.eye(3)
        projective[2, :2] = (self.perspective[0] / max(half_width, 1),
                             self.perspective[1] / max(half_height, 1))
        return affine @ projective

    def bend(self, points: np.ndarray, half_width: float) -> np.ndarray:
        """Map centered line points (n, 2) onto the arc."""
        if abs(self.arc) < 1e-3:
            return points
        radius = 2 * half_width / self.arc
        theta = points[:, 0] / radius
        reach = radius - points[:, 1]
        return np.stack([reach * np.sin(theta), radius - reach * np.cos(theta)], 1)

    def unbend(self, x: np.ndarray, y: np.ndarray,
               half_width: float) -> tuple[np.ndarray, np.ndarray]:
        """Inverse of :meth:`bend` for grids of coordinates."""
        if abs(self.arc) < 1e-3:
            return x, y
        radius = np.float32(2 * half_width / self.arc)
        sign = np.float32(np.sign(radius))
        dx, dy = x * sign, (radius - y) * sign
        theta = np.arctan2(dx, dy)
        return theta * radius, radius - sign * np.sqrt(dx * dx + dy * dy)


@dataclass(frozen=True)
class Placement:
    """Where the pixels of a warped line come from; see :func:`place_line`."""
    warp: Warp
    size: tuple[int, int]  # width and height of the picture of the line
    middle: tuple[float, float]  # of the word, in pixels of the line
    half_width: float
    center: np.ndarray  # of the bent word, (2,), about its middle
    low: np.ndarray  # upper left end of the picture, (2,), about the warped center
    scale: float
    matrix: np.ndarray  # (3, 3)

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """Where places (n, 2) of the line lie, float64 (n, 2); for both 0 is the left or upper
        edge of the first pixel."""
        bent = self.warp.bend(np.asarray(points, np.float64) - 0.5 - self.middle, self.half_width)
        mapped = cv2.perspectiveTransform((bent - self.center)[None], self.matrix)[0]
        return (mapped - self.low) * self.scale + 0.5

    def sources(self) -> tuple[np.ndarray, np.ndarray]:
        """For each pixel of the picture the column and row of the line, float32 (H, W) each,
        counted from the middle of its first pixel."""
        width, height = self.size
        gx, gy = np.meshgrid(np.arange(width, dtype=np.float32) / np.float32(self.scale),
                             np.arange(height, dtype=np.float32) / np.float32(self.scale))
        inv = np.linalg.inv(self.matrix).astype(np.float32)
        gx += np.float32(self.low[0])
        gy += np.float32(self.low[1])
        w = inv[2, 0] * gx + inv[2, 1] * gy + inv[2, 2]
        u = (inv[0, 0] * gx + inv[0, 1] * gy + inv[0, 2]) / w + np.float32(self.center[0])
        v = (inv[1, 0] * gx + inv[1, 1] * gy + inv[1, 2]) / w + np.float32(self.center[1])
        u, v = self.warp.unbend(u, v, self.half_width)
        return u + np.float32(self.middle[0]), v + np.float32(self.middle[1])


def place_line(line: Line, warp: Warp, border: float = 0.45,
               max_pixels: int = 400_000) -> Placement:
    """Find a picture for a warped line, with a ``border`` around the word as a fraction of the cap
    height; what is larger than ``max_pixels`` is scaled down."""
    x0, y0, x1, y1 = line.box
    cx, cy, hw, hh = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2
    t = np.linspace(-1, 1, 17)
    edge = np.concatenate([np.stack([t * hw, np.full(17, s * hh)], 1) for s in (-1, 1)]
                          + [np.stack([np.full(17, s * hw), t * hh], 1) for s in (-1, 1)])
    matrix = warp.matrix(hw, hh)
    bent = warp.bend(edge, hw)
    # The bent line is centered again, so that perspective acts about its middle.
    center = (bent.min(0) + bent.max(0)) / 2
    mapped = cv2.perspectiveTransform((bent - center)[None], matrix)[0]
    low, high = mapped.min(0) - border * line.cap_height, mapped.max(0) + border * line.cap_height
    width, height = np.ceil(high - low).astype(int)
    scale = min(1.0, float(np.sqrt(max_pixels / (width * height))))
    size = max(int(width * scale), 2), max(int(height * scale), 2)
    return Placement(warp, size, (cx, cy), hw, center, low, scale, matrix)


def warp_line(line: Line, warp: Warp, border: float = 0.45, max_pixels: int = 400_000,
              elastic: float = 0.0, rng: np.random.Generator | None = None
              ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Warp the ink, the context and the labels of a line: uint8 arrays of one shape (H, W).

    ``border`` and ``max_pixels`` are those of :func:`place_line`; ``elastic``, smooth random
    shifts as of cloth, is a fraction of the cap height.
    """
    return read_line(line, *line_sources(line, warp, border, max_pixels, elastic, rng))


def line_sources(line: Line, warp: Warp, border: float = 0.45, max_pixels: int = 400_000,
                 elastic: float = 0.0, rng: np.random.Generator | None = None
                 ) -> tuple[np.ndarray, np.ndarray]:
    """Column and row of a line for each pixel of its picture, see :meth:`Placement.sources`;
    arguments are those of :func:`warp_line`."""
    map_x, map_y = place_line(line, warp, border, max_pixels).sources()
    if elastic and rng is not None:
        cells, amplitude = int(rng.integers(2, 5)), elastic * line.cap_height
        map_x = map_x + smooth_noise(rng, map_x.shape, cells) * np.float32(0.6 * amplitude)
        map_y = map_y + smooth_noise(rng, map_y.shape, cells) * np.float32(amplitude)
    return map_x, map_y


def read_line(line: Line, map_x: np.ndarray,
              map_y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The ink, the context and the labels of a line at places of it, (H, W) each."""
    ink = cv2.remap(line.ink, map_x, map_y, cv2.INTER_LINEAR)
    labels = cv2.remap(line.labels, map_x, map_y, cv2.INTER_NEAREST)
    context = np.zeros_like(ink)
    if line.context.any():
        context = cv2.remap(line.context, map_x, map_y, cv2.INTER_LINEAR)
    return ink, context, labels

"""Font discovery: which faces are installed, and which of them can write a character set."""
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .drawn_faces import DOT_FACES, PREFIX, SEGMENT_FACES, BuiltInFont, built_in_characters

FONT_SUFFIXES = ('.ttf', '.otf', '.ttc')
# Faces that claim Latin letters in their character map but draw pictures or bars, or have too few
# segments for letters.
_SKIPPED_NAMES = ('dingbat', 'symbol', 'barcode', 'emoji', 'braille', 'music', 'math', 'stixsiz',
                  'stixnonuni', 'lastresort', 'cmex', 'cmmi', 'cmsy', 'sansdisplay',
                  'serifdisplay', 'dseg7')
# Parts of file names of faces that machines print, stamp and show.
_MACHINE_NAMES = ('ocr', 'dseg', 'matrix', 'dotty', 'stencil', 'mono', 'courier', 'console',
                  'typewriter', 'terminal', 'roadgeek', 'lcd')
# Of these, what draws no letters or is too thin, and all but some of one large family.
_NO_MACHINE_NAMES = ('dsegweather', 'seggchan', 'mini', 'dseg14classic-light',
                     'dseg14modern-light', 'dseg7classic-light', 'dseg7modern-light')
_TEMPLATE_SIDE = 16
_PROBE_SIZE = 40


@dataclass(frozen=True)
class FontFace:
    """A usable font file."""
    path: str
    characters: frozenset[str] = field(repr=False)  # of those asked for
    cap_ratio: float = 0.7  # height of capitals by the nominal size
    unicase: bool = False  # small letters look like capitals, and are labelled so
    plainness: float = 1.0  # its legibility

    def size_for(self, cap_height: float) -> int:
        """Nominal font size at which capitals are ``cap_height`` pixels tall."""
        return int(np.clip(round(cap_height / self.cap_ratio), 6, 400))

    def can_write(self, text: str) -> bool:
        """Whether it has all characters of a text but spaces."""
        return all(char in self.characters or char.isspace() for char in text)


def as_drawn(face: FontFace, text: str) -> str:
    """A text as it will look in a face: in capitals where that has no small letters."""
    capitals = text.upper()
    return capitals if (face.unicase and set(capitals) <= face.characters
                        and len(capitals) == len(text)) else text


@lru_cache(maxsize=512)
def open_face(path: str, size: int) -> ImageFont.FreeTypeFont | BuiltInFont:
    """Open a font file, or a face of :mod:`.drawn_faces`, at a size in pixels."""
    if path.startswith(PREFIX):
        return BuiltInFont(path, size)
    # The same pixels whether or not an outside text shaper is there; scripts that need one are out
    # of reach.
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def draw_glyph(font: ImageFont.FreeTypeFont | BuiltInFont,
               char: str) -> tuple[np.ndarray, int, int]:
    """Coverage of a glyph, uint8 (h, w), without pixels for a blank, and the offset (x, y) of its
    top left corner from the pen."""
    if isinstance(font, BuiltInFont):
        return font.glyph(char)
    x0, y0, x1, y1 = (int(v) for v in font.getbbox(char, anchor='ls'))
    if x1 <= x0 or y1 <= y0:
        return np.zeros((0, 0), np.uint8), 0, 0
    # FreeType's box may be a pixel short where hinting rounds outwards.
    image = Image.new('L', (x1 - x0 + 2, y1 - y0 + 2))
    ImageDraw.Draw(image).text((1 - x0, 1 - y0), char, font=font, fill=255, anchor='ls')
    return np.asarray(image), x0 - 1, y0 - 1


def bundled_font_dir() -> Path:
    """Folder of the faces that matplotlib carries, so that some are always at hand."""
    import matplotlib
    return Path(matplotlib.get_data_path()) / 'fonts' / 'ttf'


def find_font_files(folders: Iterable[os.PathLike] | None = None,
                    skipped: Sequence[str] = _SKIPPED_NAMES) -> list[str]:
    """List font files in a stable order, without those whose names hold one of ``skipped``.

    ``folders`` are searched with their subfolders, or are files; None stands for the fonts of the
    system and matplotlib's. A FileNotFoundError if one does not exist.
    """
    from matplotlib import font_manager
    found = set()
    if folders is None:
        found.update(font_manager.findSystemFonts())
        folders = [bundled_font_dir()]
    for folder in map(Path, folders):
        if not folder.exists():
            raise FileNotFoundError(f'font folder {str(folder)!r} does not exist')
        found.update([str(folder)] if folder.is_file() else
                     font_manager.findSystemFonts([str(folder)]))
    return sorted(p for p in found if p.lower().endswith(FONT_SUFFIXES)
                  and not any(name in Path(p).name.lower() for name in skipped))


@cache
def character_map(path: str) -> frozenset[int]:
    """Code points that a font file claims to have; none if unreadable."""
    from fontTools.ttLib import TTFont, TTLibError
    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            return frozenset(font.getBestCmap() or {})
    except (TTLibError, OSError, KeyError, ValueError, AssertionError):
        return frozenset()


def mapped_characters(path: str, wanted: Iterable[str]) -> frozenset[str]:
    """Those of the characters that a font file claims to have."""
    table = character_map(path)
    return frozenset(c for c in wanted if ord(c) in table)


def glyph_template(font: ImageFont.FreeTypeFont, char: str) -> np.ndarray | None:
    """A glyph scaled to a square, with zero mean and unit norm; None if it has no ink."""
    glyph = draw_glyph(font, char)[0]
    if glyph.size == 0 or glyph.max() < 64:
        return None
    box = cv2.boundingRect((glyph > 64).astype(np.uint8))
    glyph = glyph[box[1]:box[1] + box[3], box[0]:box[0] + box[2]]
    side = cv2.resize(glyph, (_TEMPLATE_SIDE, _TEMPLATE_SIDE), interpolation=cv2.INTER_AREA)
    side = cv2.GaussianBlur(side.astype(np.float32), (0, 0), 1.0).ravel()
    side -= side.mean()
    norm = float(np.linalg.norm(side))
    return side / norm if norm > 0 else None


@lru_cache(maxsize=1)
def _reference_templates() -> dict[str, np.ndarray]:
    """Templates (n, 256) of letters and digits in plain faces, as a measure of legibility."""
    names = ('DejaVuSans.ttf', 'DejaVuSans-Bold.ttf', 'DejaVuSerif.ttf', 'DejaVuSerif-Bold.ttf',
             'DejaVuSans-Oblique.ttf', 'DejaVuSansMono.ttf', 'STIXGeneral.ttf')
    fonts = [open_face(str(bundled_font_dir() / n), _PROBE_SIZE) for n in names
             if (bundled_font_dir() / n).exists()]
    templates = {}
    for char in 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789':
        both = [glyph_template(f, c) for f in fonts for c in {char, char.upper()}]
        both = [t for t in both if t is not None]
        if both:
            templates[char] = np.stack(both)
    return templates


def legibility(path: str, characters: Iterable[str]) -> float:
    """How much the letters and digits of a face resemble plain ones.

    Mean over those of the characters that are in A-Z, a-z, 0-9 of the best normalized correlation
    with the same character in plain faces; 1 if there is none.
    """
    scores = [_resemblance(path, char) for char in characters if char in _reference_templates()]
    return float(np.mean(scores)) if scores else 1.0


@cache
def _resemblance(path: str, char: str) -> float:
    template = glyph_template(open_face(path, _PROBE_SIZE), char)
    return -1.0 if template is None else float((_reference_templates()[char] @ template).max())


def _is_unicase(font: ImageFont.FreeTypeFont, characters: frozenset[str]) -> bool:
    # Letters whose two cases differ in shape, not only in size.
    pairs = [(c, c.upper()) for c in 'abdeghnqrt' if c in characters and c.upper() in characters]
    drawn = ([glyph_template(font, char) for char in pair] for pair in pairs)
    alike = sum(a is not None and b is not None and float(a @ b) > 0.97 for a, b in drawn)
    return bool(pairs) and alike > 0.6 * len(pairs)


def probe_face(path: str, charset: Sequence[str], min_coverage: float,
               min_legibility: float) -> FontFace | None:
    """Check a font file: None if it draws too little of ``charset`` or is not legible enough."""
    mapped = mapped_characters(path, charset)
    need = max(1.0, min_coverage * len(charset))
    if len(mapped) < need:
        return None
    try:
        font = open_face(path, _PROBE_SIZE)
        heights = {c: font.getmask(c, mode='L').getbbox() for c in sorted(mapped)}
    except (OSError, ValueError):
        return None
    # A character map may point to an empty outline.
    inked = frozenset(c for c, box in heights.items() if c.isspace() or box is not None)
    if len(inked) < need:
        return None
    plainness = legibility(path, sorted(inked))
    if plainness < min_legibility:
        return None
    tall = sorted(heights[c][3] - heights[c][1] for c in inked if heights[c] is not None)
    if not tall:
        return None
    caps = [heights[c][3] - heights[c][1] for c in 'HEIT' if c in inked]
    ratio = float(np.median(caps) if caps else tall[int(0.75 * (len(tall) - 1))]) / _PROBE_SIZE
    return FontFace(path, inked, max(ratio, 0.1), _is_unicase(font, inked), plainness)


class FontLibrary:
    """The usable faces, with a draw that keeps one big collection from dominating.

    A folder is drawn with a weight of the square root of its number of faces, then a face in it. A
    ValueError if there is no face, or some of the characters are in none.
    """

    def __init__(self, faces: Sequence[FontFace], charset: Sequence[str]) -> None:
        self.faces = list(faces)
        covered = frozenset().union(*(f.characters for f in self.faces))
        missing = ''.join(c for c in charset if c not in covered and not c.isspace())
        if not self.faces or missing:
            raise ValueError(
                f'no usable font for {len(missing)} of the {len(charset)} characters: '
                f'{missing[:40]!r}; install a font that has them, name its folder, or use a '
                'smaller character set')
        self.charset = ''.join(charset)
        folders: dict[str, list[FontFace]] = {}
        for face in self.faces:
            folders.setdefault(str(Path(face.path).parent), []).append(face)
        self._folders = [folders[k] for k in sorted(folders)]
        weights = np.sqrt([len(f) for f in self._folders])
        self._cumulative = np.cumsum(weights / weights.sum())

    @classmethod
    def discover(cls, charset: Sequence[str], folders: Iterable[os.PathLike] | None = None,
                 min_coverage: float = 0.6, min_legibility: float = 0.55) -> FontLibrary:
        """Build a library from the fonts that :func:`find_font_files` finds."""
        faces = (probe_face(p, charset, min_coverage, min_legibility)
                 for p in find_font_files(folders))
        return cls([f for f in faces if f is not None], charset)

    def plainest(self, count: int) -> FontLibrary:
        """The ``count`` faces most like ordinary print; a ValueError if they lack a character."""
        faces = sorted(self.faces, key=lambda f: (-f.plainness, f.path))[:count]
        return FontLibrary(faces, self.charset)

    def __len__(self) -> int:
        return len(self.faces)

    def draw(self, rng: np.random.Generator, text: str, tries: int = 20) -> FontFace:
        """Draw a face that has all of a text but spaces; a ValueError if there is none."""
        for _ in range(tries):
            folder = self._folders[min(int(np.searchsorted(self._cumulative, rng.random())),
                                       len(self._folders) - 1)]
            face = folder[int(rng.integers(len(folder)))]
            if face.can_write(text):
                return face
        able = [f for f in self.faces if f.can_write(text)]
        if not able:
            raise ValueError(f'no single font can write {text!r}')
        return able[int(rng.integers(len(able)))]


def built_in_faces(charset: Sequence[str]) -> list[FontFace]:
    """The faces of :mod:`.drawn_faces` that can write at least one of the characters."""
    return [FontFace(path, known, 1.0) for path in (*DOT_FACES, *SEGMENT_FACES)
            if (known := built_in_characters(path) & frozenset(charset))]


def invented_face(characters: Sequence[str], rng: np.random.Generator) -> FontFace:
    """A dot face in whose script, made up by ``rng``, each character is a random pattern."""
    path = DOT_FACES[int(rng.integers(len(DOT_FACES)))]
    return FontFace(f'{path}/{int(rng.integers(2**32))}', frozenset(characters), 1.0)


def machine_faces(charset: Sequence[str], folders: Iterable[os.PathLike] | None = None,
                  min_legibility: float = 0.3) -> list[FontFace]:
    """Faces of serial numbers: OCR-A and OCR-B, segments and dots, fixed pitch and stencils, known
    by their names, and the built-in ones.

    They need one third of the characters and little legibility: segments are unlike print, and what
    is inverted is far below.
    """
    skipped = [name for name in _SKIPPED_NAMES if name != 'dseg7'] + list(_NO_MACHINE_NAMES)
    # Seven segments make few letters: the others would not be read as what they stand for.
    few = built_in_characters(SEGMENT_FACES[0])
    faces = []
    for path in find_font_files(folders, skipped):
        name = Path(path).name.lower()
        if any(part in name for part in _MACHINE_NAMES):
            wanted = [c for c in charset if c in few] if 'dseg7' in name else charset
            face = probe_face(path, wanted, 0.34, min_legibility) if wanted else None
            faces += [face] if face is not None else []
    return faces + built_in_faces(charset)

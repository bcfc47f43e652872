"""How hard rendered words are: probabilities and ranges, and three presets."""
from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

Range = tuple[float, float]


@dataclass(frozen=True)
class RenderStyle:
    """Probabilities and ranges of the renderer; a ValueError for a wrong one.

    Lengths are fractions of the cap height.
    """
    cap_height: Range = (24, 40)  # in pixels, before degradation
    height: tuple[int, int] = (32, 64)  # of the crop, in pixels
    tight: float = 0.6  # a crop cut close to the ink, up to slightly inside it
    margin: Range = (0.05, 0.3)  # of the other crops, each side
    spacing: Range = (-0.06, 0.3)  # between letters
    curve: float = 0.12  # an arc
    arc: Range = (0.3, 1.5)  # its angle in radians, either direction
    angle: float = 4.0  # standard deviation of the rotation in degrees
    steep: float = 0.08  # a stronger rotation, of up to 25 degrees
    shear: float = 0.12  # standard deviation
    stretch: Range = (0.6, 1.35)  # horizontal scale
    perspective: float = 0.3  # largest relative change of scale towards a side
    contrast: Range = (45, 150)  # least contrast of text and background, in gray levels
    busy: float = 0.45  # a textured or photographic background
    neighbors: float = 0.1  # each neighboring fragment of text
    outline: float = 0.1  # from here on effects on the paint
    shadow: float = 0.14
    extrusion: float = 0.08
    relief: float = 0.06
    worn: float = 0.04
    dotted: float = 0.015
    gradient: float = 0.15
    scribble: float = 0.1
    carved: float = 0.35  # share of the reliefs that have no color of their own
    paint_texture: float = 0.0  # texture on the letters
    metal: float = 0.0  # a board of brushed or cast metal
    plate: float = 0.0  # a board of a licence plate, see plates.plate_board
    elastic: float = 0.0  # an elastic distortion
    elastic_strength: Range = (0.02, 0.08)
    lighting: float = 0.4  # uneven light
    tone: float = 0.45  # a change of tone
    low_contrast: float = 0.4  # least factor of contrast that it leaves
    blur: float = 0.45
    blur_sigma: Range = (0.02, 0.1)
    low_resolution: float = 0.5  # the camera saw fewer pixels
    seen_height: Range = (12, 44)  # height in pixels then, of the whole crop
    noise: float = 0.5
    noise_sigma: Range = (1, 12)  # in gray levels
    jpeg: float = 0.5
    jpeg_quality: tuple[int, int] = (18, 85)
    sharpen: float = 0.15
    legibility: float = 0.55  # least of the faces, see fonts.legibility

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, tuple):
                if len(value) != 2 or value[0] > value[1]:
                    raise ValueError(f'{entry.name} must be (low, high), got {value}')
            elif entry.name not in ('angle', 'shear') and not 0 <= value <= 1:
                raise ValueError(f'{entry.name} must be within [0, 1], got {value}')

    @classmethod
    def preset(cls, name: str, **changes: Any) -> RenderStyle:
        """'easy' (clean print), 'medium' or 'hard' (street scenes), with changes; or a ValueError.
        """
        if name not in PRESETS:
            raise ValueError(f'unknown difficulty {name!r}; choose one of {sorted(PRESETS)}')
        return replace(PRESETS[name], **changes)


PRESETS = {
    'hard': RenderStyle(),
    'medium': RenderStyle(
        tight=0.4, margin=(0.1, 0.3), spacing=(-0.03, 0.2), curve=0.05, arc=(0.2, 0.8), angle=2.5,
        steep=0.0, shear=0.08, stretch=(0.75, 1.2), perspective=0.15, contrast=(60, 130), busy=0.3,
        neighbors=0.03, worn=0.02, dotted=0.0, scribble=0.03, lighting=0.25, tone=0.4,
        low_contrast=0.55, blur=0.4, blur_sigma=(0.02, 0.08), low_resolution=0.3,
        seen_height=(18, 40), noise_sigma=(1, 8), jpeg=0.3, jpeg_quality=(40, 90),
        legibility=0.65),
    'easy': RenderStyle(
        tight=0.0, margin=(0.12, 0.25), spacing=(0.0, 0.12), curve=0.0, angle=1.0, steep=0.0,
        shear=0.03, stretch=(0.9, 1.1), perspective=0.04, contrast=(110, 160), busy=0.1,
        neighbors=0.0, outline=0.03, shadow=0.05, extrusion=0.02, relief=0.0, worn=0.0,
        dotted=0.0, gradient=0.05, scribble=0.0, lighting=0.1, tone=0.2, low_contrast=0.8,
        blur=0.3, blur_sigma=(0.02, 0.05), low_resolution=0.1, seen_height=(26, 40), noise=0.3,
        noise_sigma=(1, 5), jpeg=0.2, jpeg_quality=(60, 95), sharpen=0.0,
        legibility=0.8),
}

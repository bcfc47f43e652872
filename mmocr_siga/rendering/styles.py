"""How hard rendered words are: probabilities and ranges, and three presets."""
from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

Range = tuple[float, float]


@dataclass(frozen=True)
class RenderStyle:
    """Probabilities and ranges of the renderer. Lengths are fractions of the cap height.

    Args:
        cap_height (tuple): Cap height in pixels before degradation. Defaults to (24, 40).
        height (tuple): Least and largest height of the crop in pixels. Defaults to (32, 64).
        tight (float): Probability of a crop cut close to the ink, up to slightly inside it.
            Defaults to 0.6.
        margin (tuple): Margin of the other crops, each side. Defaults to (0.05, 0.3).
        spacing (tuple): Letter spacing. Defaults to (-0.06, 0.3).
        curve (float): Probability of an arc. Defaults to 0.12.
        arc (tuple): Angle of the arc in radians, either direction. Defaults to (0.3, 1.5).
        angle (float): Standard deviation of the rotation in degrees. Defaults to 4.
        steep (float): Probability of a stronger rotation, of up to 25 degrees. Defaults to 0.08.
        shear (float): Standard deviation of the shear. Defaults to 0.12.
        stretch (tuple): Horizontal scale. Defaults to (0.6, 1.35).
        perspective (float): Largest relative change of scale towards a side. Defaults to 0.3.
        contrast (tuple): Least contrast of text and background in grey levels is drawn from it.
            Defaults to (45, 150).
        busy (float): Probability of a textured or photographic background. Defaults to 0.45.
        neighbours (float): Probability of each neighbouring fragment. Defaults to 0.1.
        outline, shadow, extrusion, relief, worn, dotted, gradient, scribble (float):
            Probabilities of the effects on the paint.
        carved (float): Share of the reliefs that are carved into the board and have no colour of
            their own. Defaults to 0.35.
        paint_texture (float): Probability of texture on the letters. Defaults to 0.
        metal (float): Probability that the board is brushed or cast metal. Defaults to 0.
        plate (float): Probability that the board is a licence plate's, see
            :func:`~mmocr_siga.rendering.plates.plate_board`. Defaults to 0.
        elastic (float): Probability of an elastic distortion. Defaults to 0.
        elastic_strength (tuple): Its strength. Defaults to (0.02, 0.08).
        lighting, tone (float): Probabilities of uneven light and of a change of tone.
        low_contrast (float): Least factor of contrast left by a change of tone. Defaults to 0.4.
        blur (float): Probability of blur. Defaults to 0.45.
        blur_sigma (tuple): Its standard deviation. Defaults to (0.02, 0.1).
        low_resolution (float): Probability that the camera saw fewer pixels. Defaults to 0.5.
        seen_height (tuple): Height in pixels then, of the whole crop. Defaults to (12, 44).
        noise (float): Probability of noise. Defaults to 0.5.
        noise_sigma (tuple): Its standard deviation in grey levels. Defaults to (1, 12).
        jpeg (float): Probability of JPEG artefacts. Defaults to 0.5.
        jpeg_quality (tuple): Quality then. Defaults to (18, 85).
        sharpen (float): Probability of sharpening. Defaults to 0.15.
        legibility (float): Least legibility of the faces, see
            :func:`~mmocr_siga.rendering.fonts.legibility`. Defaults to 0.55.

    Raises:
        ValueError: If a probability is outside [0, 1] or a range is reversed.
    """
    cap_height: Range = (24, 40)
    height: tuple[int, int] = (32, 64)
    tight: float = 0.6
    margin: Range = (0.05, 0.3)
    spacing: Range = (-0.06, 0.3)
    curve: float = 0.12
    arc: Range = (0.3, 1.5)
    angle: float = 4.0
    steep: float = 0.08
    shear: float = 0.12
    stretch: Range = (0.6, 1.35)
    perspective: float = 0.3
    contrast: Range = (45, 150)
    busy: float = 0.45
    neighbours: float = 0.1
    outline: float = 0.1
    shadow: float = 0.14
    extrusion: float = 0.08
    relief: float = 0.06
    worn: float = 0.04
    dotted: float = 0.015
    gradient: float = 0.15
    scribble: float = 0.1
    carved: float = 0.35
    paint_texture: float = 0.0
    metal: float = 0.0
    plate: float = 0.0
    elastic: float = 0.0
    elastic_strength: Range = (0.02, 0.08)
    lighting: float = 0.4
    tone: float = 0.45
    low_contrast: float = 0.4
    blur: float = 0.45
    blur_sigma: Range = (0.02, 0.1)
    low_resolution: float = 0.5
    seen_height: Range = (12, 44)
    noise: float = 0.5
    noise_sigma: Range = (1, 12)
    jpeg: float = 0.5
    jpeg_quality: tuple[int, int] = (18, 85)
    sharpen: float = 0.15
    legibility: float = 0.55

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
        """A preset by name, with changes.

        Args:
            name (str): 'easy' (clean print), 'medium' or 'hard' (like crops of street scenes).
            **changes: Fields to replace; an unknown one is an error.

        Returns:
            RenderStyle: The style.

        Raises:
            ValueError: If there is no such preset.
        """
        if name not in PRESETS:
            raise ValueError(f'unknown difficulty {name!r}; choose one of {sorted(PRESETS)}')
        return replace(PRESETS[name], **changes)


PRESETS = {
    'hard': RenderStyle(),
    'medium': RenderStyle(
        tight=0.4, margin=(0.1, 0.3), spacing=(-0.03, 0.2), curve=0.05, arc=(0.2, 0.8), angle=2.5,
        steep=0.0, shear=0.08, stretch=(0.75, 1.2), perspective=0.15, contrast=(60, 130), busy=0.3,
        neighbours=0.03, worn=0.02, dotted=0.0, scribble=0.03, lighting=0.25, tone=0.4,
        low_contrast=0.55, blur=0.4, blur_sigma=(0.02, 0.08), low_resolution=0.3,
        seen_height=(18, 40), noise_sigma=(1, 8), jpeg=0.3, jpeg_quality=(40, 90),
        legibility=0.65),
    'easy': RenderStyle(
        tight=0.0, margin=(0.12, 0.25), spacing=(0.0, 0.12), curve=0.0, angle=1.0, steep=0.0,
        shear=0.03, stretch=(0.9, 1.1), perspective=0.04, contrast=(110, 160), busy=0.1,
        neighbours=0.0, outline=0.03, shadow=0.05, extrusion=0.02, relief=0.0, worn=0.0,
        dotted=0.0, gradient=0.05, scribble=0.0, lighting=0.1, tone=0.2, low_contrast=0.8,
        blur=0.3, blur_sigma=(0.02, 0.05), low_resolution=0.1, seen_height=(26, 40), noise=0.3,
        noise_sigma=(1, 5), jpeg=0.2, jpeg_quality=(60, 95), sharpen=0.0,
        legibility=0.8),
}

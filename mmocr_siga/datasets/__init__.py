"""Word images: transforms, data sets and annotation formats."""
from .transforms import (
    EnsureBGR,
    LoadWordImage,
    PackGlyphInputs,
    RandomTextColor,
    RandomTextDeterioration,
    RandomTextGeometry,
    TextMask,
)

__all__ = [
    'EnsureBGR', 'LoadWordImage', 'PackGlyphInputs', 'RandomTextColor', 'RandomTextDeterioration',
    'RandomTextGeometry', 'TextMask'
]

"""Reading and explaining words outside of MMOCR's runner."""
from .explain import explain
from .inferencer import SIGAInferencer, WordReading
from .spotting_inferencer import (
    SceneReading,
    SIGASpottingInferencer,
    SkippedWord,
    SpottedWord,
)

__all__ = [
    'SIGAInferencer', 'SIGASpottingInferencer', 'SceneReading', 'SkippedWord', 'SpottedWord',
    'WordReading', 'explain'
]

"""Reading and explaining words outside of MMOCR's runner."""
from .explain import explain
from .inferencer import SIGAInferencer, WordReading

__all__ = ['SIGAInferencer', 'WordReading', 'explain']

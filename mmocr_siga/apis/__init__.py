"""Reading and explaining words outside of MMOCR's runner."""
from .explain import explain

__all__ = ['explain']

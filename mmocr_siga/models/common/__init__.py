"""Parts that every recogniser shares."""
from .dictionary import SIGADictionary

__all__ = ['SIGADictionary']

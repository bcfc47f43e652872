"""Parts that every recogniser shares."""
from .dictionary import SIGADictionary, dictionary_characters, natural_letter_case

__all__ = ['SIGADictionary', 'dictionary_characters', 'natural_letter_case']

"""Characters, labels and the protocols by which texts are compared."""
from .dictionary import WordDictionary, dictionary_characters, natural_letter_case

__all__ = ['WordDictionary', 'dictionary_characters', 'natural_letter_case']

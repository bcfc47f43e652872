"""Reading and explaining words outside of MMOCR's runner."""
from .dictionary_transfer import transfer_dictionary
from .explain import explain

__all__ = ['explain', 'transfer_dictionary']

from .word_data_preprocessor import WordDataPreprocessor
from .word_views_preprocessor import WordViewsPreprocessor

__all__ = ['WordDataPreprocessor', 'WordViewsPreprocessor']

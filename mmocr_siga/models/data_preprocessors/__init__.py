from .word_data_preprocessor import WordDataPreprocessor

__all__ = ['WordDataPreprocessor']

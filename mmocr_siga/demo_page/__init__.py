"""The page of ``python -m mmocr_siga demo``: words and scenes, read in a browser.

Only :mod:`.page`, :mod:`.guard` and :mod:`.server` need Gradio (the extra ``demo``).
"""
from .client_files import ClientFiles
from .reader import EditView, KeptView, PageReader, SceneView, WordView
from .regions import parse_regions

__all__ = ['ClientFiles', 'EditView', 'KeptView', 'PageReader', 'SceneView', 'WordView',
           'parse_regions']

"""Sphinx configuration: ``make docs`` builds the site in docs/_build/html."""
import mmocr_siga

mmocr_siga.register()  # repairs what the imports of mmcv and MMOCR need

from mmcv.transforms.utils import cache_randomness  # noqa: E402

project = 'mmocr_siga'
author = 'the mmocr_siga authors'
release = version = mmocr_siga.__version__

# A method under mmcv's decorator can be looked up on an instance only; autodoc asks the class.
cache_randomness.__get__ = lambda self, instance, owner: self

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.autosummary', 'sphinx.ext.mathjax',
              'sphinx.ext.napoleon']
html_theme = 'furo'
html_title = 'mmocr_siga'
html_show_copyright = False
exclude_patterns = ['_build']
templates_path = ['_templates']
myst_heading_anchors = 3

# Members by the file they are written in, not where a package's `__init__` shows them again.
autodoc_default_options = {'ignore-module-all': True}
autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_inherit_docstrings = False
autosummary_generate = True
napoleon_google_docstring = True
napoleon_use_ivar = True
napoleon_use_rtype = False

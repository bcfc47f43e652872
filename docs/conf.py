"""Sphinx configuration: ``make docs`` builds the site in docs/_build/html."""
import mmocr_siga

project = 'mmocr_siga'
author = 'the mmocr_siga authors'
release = version = mmocr_siga.__version__
mmocr_siga.register()  # what the reference imports needs MMOCR, repaired where it has to be

extensions = ['myst_parser', 'sphinx.ext.autodoc', 'sphinx.ext.autosummary', 'sphinx.ext.mathjax',
              'sphinx.ext.napoleon', 'sphinx.ext.viewcode']
html_theme = 'furo'
html_title = 'mmocr_siga'
exclude_patterns = ['_build']
templates_path = ['_templates']
myst_heading_anchors = 3

autodoc_member_order = 'bysource'
autodoc_typehints = 'description'
autodoc_inherit_docstrings = False
autosummary_generate = True
napoleon_google_docstring = True
napoleon_use_ivar = True
napoleon_use_rtype = False

"""The faces that matplotlib carries: the same ones on every machine."""
import numpy as np
import pytest

from mmocr_siga.rendering import FontLibrary
from mmocr_siga.rendering.fonts import bundled_font_dir
from mmocr_siga.text.charsets import find_charset


@pytest.fixture(scope='session')
def library():
    return FontLibrary.discover(find_charset('alnum62'), [bundled_font_dir()])


@pytest.fixture(scope='session')
def sans():
    return str(bundled_font_dir() / 'DejaVuSans.ttf')


@pytest.fixture
def rng():
    return np.random.default_rng(0)

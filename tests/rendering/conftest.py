"""The faces that matplotlib carries: the same ones on every machine."""
import pytest

from mmocr_siga.rendering import FontLibrary, resolve_charset
from mmocr_siga.rendering.fonts import bundled_font_dir


@pytest.fixture(scope='session')
def library():
    return FontLibrary.discover(resolve_charset('alnum62'), [bundled_font_dir()])


@pytest.fixture(scope='session')
def sans():
    return str(bundled_font_dir() / 'DejaVuSans.ttf')

import cv2
import pytest

from tests.helpers.readers import reader_files, word_picture


@pytest.fixture(scope='session')
def tiny_files(tmp_path_factory):
    """Config and weights of a small recognizer that reads something in every picture."""
    return reader_files(tmp_path_factory.mktemp('tiny'), endless=True)


@pytest.fixture
def word_file(tmp_path):
    cv2.imwrite(str(tmp_path / 'word.png'), word_picture('Exit', (40, 120)))
    return tmp_path / 'word.png'

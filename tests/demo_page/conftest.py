import pytest

from tests.helpers.tiny_files import write_tiny_recognizer, write_word


@pytest.fixture(scope='session')
def tiny_files(tmp_path_factory):
    """Config and weights of a small recogniser that reads something in every picture."""
    return write_tiny_recognizer(tmp_path_factory.mktemp('tiny'))


@pytest.fixture
def word_file(tmp_path):
    return write_word(tmp_path / 'word.png')

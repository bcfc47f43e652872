import pytest

from tests.helpers.readers import reader_files


@pytest.fixture(scope='session')
def files(tmp_path_factory):
    """Config and checkpoint of a small reader."""
    return reader_files(tmp_path_factory.mktemp('reader'))


@pytest.fixture(scope='session')
def model(files):
    """Arguments that name the reader."""
    return ['--model', str(files[0]), '--weights', str(files[1]), '--device', 'cpu']

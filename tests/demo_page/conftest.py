import os
import re
import signal
import subprocess
import sys

import cv2
import pytest

from tests.conftest import REPO
from tests.helpers.browser import WAIT
from tests.helpers.editors import editor_files
from tests.helpers.readers import reader_files, word_picture
from tests.robustness.page_attacks import API, META, Client, word


@pytest.fixture(scope='session')
def tiny_files(tmp_path_factory):
    """Config and weights of a small recognizer that reads something in every picture."""
    return reader_files(tmp_path_factory.mktemp('tiny'), endless=True)


@pytest.fixture(scope='session')
def tiny_editor(tmp_path_factory):
    """Config and weights of a small model that rewrites words."""
    return editor_files(tmp_path_factory.mktemp('tiny_editor'))


@pytest.fixture(scope='session')
def address(tiny_files, tiny_editor, tmp_path_factory):
    """Address of the page while it is served, by the command."""
    pytest.importorskip('gradio', reason='Gradio is not installed')
    folder = tmp_path_factory.mktemp('server')
    command = [sys.executable, '-m', 'mmocr_siga', 'demo', '--port', '0', '--device', 'cpu',
               '--model', str(tiny_files[0]), '--weights', str(tiny_files[1]),
               '--editor', str(tiny_editor[0]), '--editor-weights', str(tiny_editor[1])]
    log = folder / 'errors.txt'
    with log.open('wb') as errors:
        # The proxy does not exist: the page is to be served without asking anybody else.
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**os.environ, 'PYTHONPATH': str(REPO), 'CUDA_VISIBLE_DEVICES': '',
                 'TMPDIR': str(folder), 'http_proxy': 'http://127.0.0.1:9',
                 'https_proxy': 'http://127.0.0.1:9'})
        try:
            found = re.match(r'(http://127\.0\.0\.1:\d+/) \(Ctrl\+C ends it\)$',
                             server.stdout.readline())
            assert found, log.read_text()
            yield found[1]
            # A stack trace would be here.
            assert 'Traceback' not in log.read_text()
            # It ends when it is told to, whatever it is at, and leaves no files.
            client = Client(found[1])
            file = dict(path=client.upload(word())[1], meta=META)
            for _ in range(9):
                client.ask('POST', f'{API}/call/word', dict(data=[file]))
            server.send_signal(signal.SIGINT)
            assert server.wait(WAIT) == 130
            assert [path.name for path in folder.glob('mmocr_siga*')] == []
        finally:
            server.kill()
            server.wait()


@pytest.fixture
def word_file(tmp_path):
    cv2.imwrite(str(tmp_path / 'word.png'), word_picture('Exit', (40, 120)))
    return tmp_path / 'word.png'

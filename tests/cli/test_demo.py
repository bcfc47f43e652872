import importlib.util
import socket

import pytest

from mmocr_siga.cli import demo, main
from tests.helpers.tiny_files import write_tiny_recognizer


@pytest.fixture(scope='module')
def tiny_files(tmp_path_factory):
    return write_tiny_recognizer(tmp_path_factory.mktemp('tiny'))


@pytest.fixture(autouse=True)
def _everything_is_installed(monkeypatch):
    monkeypatch.setattr(demo, 'NEEDED', ())


def test_the_packages_that_it_needs_are_named(monkeypatch, capsys):
    monkeypatch.setattr(demo, 'NEEDED', ('no_such_package', ))
    assert main(['demo']) == 2
    assert "the page needs no_such_package: pip install 'mmocr-siga[demo]'" in (
        capsys.readouterr().err)


@pytest.mark.parametrize('arguments, message', [
    (['--det-weights', 'x.pth'], '--det-weights needs --det'),
    (['--model', 'missing.py', '--weights', 'x.pth'], "there is no config at 'missing.py'")])
def test_what_is_missing_is_named(arguments, message, capsys):
    assert main(['demo', *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_detector_that_is_not_there(tiny_files, capsys):
    model = ['--model', str(tiny_files[0]), '--weights', str(tiny_files[1]), '--device', 'cpu']
    assert main(['demo', *model, '--det', 'missing.py']) == 2
    assert 'the detector cannot be used' in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec('gradio') is None, reason='Gradio is not installed')
def test_a_port_that_is_taken(tiny_files, capsys):
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(['demo', '--port', str(port), '--model', str(tiny_files[0]), '--weights',
                     str(tiny_files[1]), '--device', 'cpu']) == 2
    error = capsys.readouterr().err
    assert f'cannot be served at 127.0.0.1:{port}' in error and '--port' in error

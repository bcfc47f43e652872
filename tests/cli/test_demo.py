import socket

import pytest

from mmocr_siga.cli import demo, main


@pytest.mark.parametrize('needed, arguments, message', [
    (['no_such_package'], [], "needs no_such_package: in the clone, pip install '.[demo]'"),
    ([], ['--det-weights', 'x.pth'], '--det-weights needs --det'),
    ([], ['--model', 'missing.py', '--weights', 'x.pth'], "there is no config at 'missing.py'"),
    ([], ['--det', 'missing.py'], 'the detector cannot be used')])
def test_what_is_missing_is_named(needed, arguments, message, model, monkeypatch, capsys):
    monkeypatch.setattr(demo, 'NEEDED', needed)
    assert main(['demo', *model, *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_port_that_is_taken(model, capsys):
    pytest.importorskip('gradio', reason='Gradio is not installed')
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(['demo', '--port', str(port), *model]) == 2
    error = capsys.readouterr().err
    assert f'cannot be served at 127.0.0.1:{port}' in error and '--port' in error

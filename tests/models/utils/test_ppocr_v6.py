import sys

import pytest
from torch import nn

from mmocr_siga.models.backbones import LCNetV4
from mmocr_siga.models.necks import RepLKFPN
from mmocr_siga.models.utils import ppocr_v6
from mmocr_siga.models.utils.ppocr_v6 import characters, load_part, read_tensors, wheel_file
from tests.helpers.ppocr import onnx_session


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """Puts a package rapidocr with a model file before any other, or a module of that name."""
    def put(content=None, module=False):
        path = tmp_path / ('rapidocr.py' if module else 'rapidocr/__init__.py')
        path.parent.mkdir(exist_ok=True)
        path.touch()
        if content is not None:
            (path.parent / 'models').mkdir()
            (path.parent / 'models' / 'PP-OCRv6_det_small.onnx').write_bytes(content)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, 'rapidocr', raising=False)

    return put


def neck():
    return RepLKFPN(init_cfg=dict(type='PretrainedPPOCRv6', part='detector.neck'))


def test_a_missing_wheel_is_named(monkeypatch):
    monkeypatch.setattr(ppocr_v6.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match='det_small.onnx comes with rapidocr==3.10.0, but '
                       "that is not installed: pip install 'rapidocr==3.10.0'"):
        neck().init_weights()


@pytest.mark.parametrize('module, place', [(False, 'rapidocr'), (True, 'rapidocr.py')])
def test_another_version_without_the_model_is_named(installed, tmp_path, module, place):
    installed(module=module)
    with pytest.raises(ImportError, match=f'but {tmp_path}/{place}/models has none: pip install'):
        neck().init_weights()


@pytest.mark.parametrize('content', [b'', b'another model'])
def test_another_version_of_the_model_is_refused(installed, content):
    installed(content)
    with pytest.raises(ValueError, match='rapidocr/models/PP-OCRv6_det_small.onnx is not the '
                       'PP-OCRv6_det_small.onnx of rapidocr==3.10.0: it is damaged, or of another'):
        neck().init_weights()


@pytest.mark.parametrize('reader', [lambda path: read_tensors('recognizer', path), characters])
def test_a_damaged_file_is_refused(tmp_path, reader):
    onnx_session('recognizer')
    content = bytearray(wheel_file('PP-OCRv6_rec_small.onnx').read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / 'model.onnx').write_bytes(content)
    with pytest.raises(ValueError, match=r'model.onnx is not the PP-OCRv6_rec_small.onnx of rapid'):
        reader(tmp_path / 'model.onnx')


def test_another_module_is_refused():
    onnx_session('detector')
    with pytest.raises(ValueError, match='LCNetV4 has 0 tensors of those that'):
        load_part(LCNetV4(), 'detector.neck')
    with pytest.raises(ValueError, match=r'laterals.3.conv.weight of RepLKFPN is \(96, 8, 1, 1\)'):
        load_part(RepLKFPN((48, 96, 192, 8)), 'detector.neck')


def test_all_tensors_are_used_and_characters_known():
    onnx_session('recognizer')
    shapes = [tuple(tensor.shape) for _, tensor in read_tensors('recognizer')['classifier']]
    known = characters()
    assert shapes == [(len(known) + 1, 120), (len(known) + 1, )] == [(18710, 120), (18710, )]
    assert known[-1] == ' ' and {'a', 'Z', '9', '~', '"'} <= set(known)


def test_as_an_initializer():
    onnx_session('detector')
    model = neck()
    before = model.large[0].weight.clone()
    model.init_weights()
    assert isinstance(model, nn.Module) and not before.equal(model.large[0].weight)

import pytest
from torch import nn

from mmocr_siga.models.backbones import LCNetV4
from mmocr_siga.models.necks import RepLKFPN
from mmocr_siga.models.utils import ppocr_v6
from mmocr_siga.models.utils.ppocr_v6 import characters, load_part, read_tensors, wheel_file
from tests.helpers.ppocr import onnx_session


def test_a_missing_wheel_is_named(monkeypatch):
    monkeypatch.setattr(ppocr_v6.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r"det_small.onnx.*pip install 'rapidocr==3.10.0'"):
        wheel_file('PP-OCRv6_det_small.onnx')


@pytest.mark.parametrize('content', [b'', b'another model'])
def test_another_file_is_refused(tmp_path, content):
    path = tmp_path / 'model.onnx'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'model.onnx is not the PP-OCRv6_rec_small.onnx of rapid'):
        read_tensors('recognizer', path)


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
    model = RepLKFPN(init_cfg=dict(type='PretrainedPPOCRv6', part='detector.neck'))
    before = model.large[0].weight.clone()
    model.init_weights()
    assert isinstance(model, nn.Module) and not before.equal(model.large[0].weight)

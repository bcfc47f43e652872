import logging
import sys

import pytest

from mmocr_siga.apis import ONNXWordReader, WordInferencer, load_reader
from mmocr_siga.inference.packaged import packaged_in
from tests.helpers.readers import packed_reader, reader_files, word_picture

pytest.importorskip('onnx')


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return reader_files(tmp_path_factory.mktemp('reader'))


@pytest.fixture(scope='module')
def packed(files, tmp_path_factory):
    return packed_reader(tmp_path_factory.mktemp('packed'), *files)


@pytest.fixture
def without_graph(packed, tmp_path):
    for file in packed[:3]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return packaged_in(tmp_path, 'reader').config


def test_packaged_models_are_read_by_onnxruntime(packed, files, caplog):
    for options in (dict(), dict(device='cpu'), dict(backend='onnx', tta=0.25)):
        reader = load_reader(packed.config, **options)
        assert type(reader) is ONNXWordReader and reader.tta == options.get('tta', 0.6)
    for arguments, options in (((packed.config, ), dict(backend='torch')),
                               ((packed.config, packed.weights), {}), (files, {})):
        assert type(load_reader(*arguments, **options)) is WordInferencer
    assert not caplog.records


def test_what_onnxruntime_cannot_do(packed, files):
    for arguments, message in (((*files, 'cpu'), 'own weights; .*pack_weights.py packs others'),
                               ((packed.config, None, 'cuda'), 'on the CPU, not on cuda')):
        with pytest.raises(ValueError, match=message):
            load_reader(*arguments, backend='onnx')
    with pytest.raises(RuntimeError, match="'cuda:99' cannot be used"):  # it is PyTorch's word
        load_reader(packed.config, device='cuda:99')
    with pytest.raises(ValueError, match='backend must be one of'):
        load_reader(packed.config, backend='tensorrt')
    with pytest.raises(FileNotFoundError, match='no config at'):
        load_reader('gone.py')


def test_pytorch_takes_the_place_of_what_is_missing(packed, without_graph, monkeypatch, caplog):
    caplog.set_level(logging.WARNING, 'mmocr_siga')
    want = load_reader(packed.config, tta=0)(word_picture())[0].text
    with pytest.raises(FileNotFoundError, match='reader.onnx, the graph .* is missing'):
        load_reader(without_graph, backend='onnx')
    found = load_reader(without_graph, tta=0)
    assert 'reader.onnx' in caplog.text and 'PyTorch reads in its place' in caplog.text
    assert type(found) is WordInferencer and found(word_picture())[0].text == want
    caplog.clear()
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    assert type(load_reader(packed.config)) is WordInferencer
    assert 'needs onnxruntime' in caplog.text and 'pip install onnxruntime' in caplog.text
    with pytest.raises(ImportError, match='pip install onnxruntime'):
        load_reader(packed.config, backend='onnx')

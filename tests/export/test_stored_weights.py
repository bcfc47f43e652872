import numpy as np
import pytest
import torch

onnx = pytest.importorskip('onnx', reason='the package onnx is not installed')
ort = pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')

from mmocr_siga.export.stored_weights import refer_to_stored  # noqa: E402

TYPES = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.FLOAT16: np.float16}


def test_tensors_are_found_by_their_values(tmp_path):
    torch.manual_seed(0)
    single, half = torch.randn(16, 8), torch.randn(32, 16).half()
    last = torch.randn(8, 3, 4, 4).half().to(memory_format=torch.channels_last)
    torch.save(dict(state_dict=dict(a=single, b=half, c=last)), tmp_path / 'w.pth')
    values = dict(single=single, half=half, last=last, other=torch.randn(16, 8),
                  small=torch.ones(3), near=half.float() + 1e-6)
    values = {name: value.float().contiguous().numpy() for name, value in values.items()}
    values['whole'] = np.arange(64)
    make = onnx.helper
    graph = make.make_graph(
        [make.make_node('Identity', [name], [f'{name}_out']) for name in values], 'g', [],
        [make.make_tensor_value_info(f'{name}_out', make.np_dtype_to_tensor_dtype(value.dtype),
                                     value.shape) for name, value in values.items()],
        [onnx.numpy_helper.from_array(value, name) for name, value in values.items()])
    refer_to_stored(graph, tmp_path / 'w.pth')
    stored = (tmp_path / 'w.pth').read_bytes()
    referred = {}
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            begin, length = int(place['offset']), int(place['length'])
            found = np.frombuffer(stored[begin:begin + length], TYPES[tensor.data_type])
            referred[tensor.name.split('/')[0]] = found.reshape(tensor.dims)
    assert set(referred) == {'single', 'half', 'last'}
    assert np.array_equal(referred['single'], single.numpy())
    assert np.array_equal(referred['half'], half.numpy())
    assert np.array_equal(referred['last'], last.permute(0, 2, 3, 1).numpy())
    model = make.make_model(graph, opset_imports=[make.make_opsetid('', 17)], ir_version=8)
    (tmp_path / 'g.onnx').write_bytes(model.SerializeToString())
    got = ort.InferenceSession(str(tmp_path / 'g.onnx'),
                               providers=['CPUExecutionProvider']).run(None, {})
    assert all(np.array_equal(a, b) for a, b in zip(got, values.values()))

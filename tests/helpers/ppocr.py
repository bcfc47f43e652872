"""The models of PP-OCRv6, where the wheel that carries them is installed."""
import pytest

from mmocr_siga.models.utils.ppocr_v6 import SOURCES, wheel_file


def onnx_session(model, outputs=None):
    """A session of onnxruntime for the 'recognizer' or the 'detector', with inner maps as outputs
    if they are named; skips the test where a package is missing."""
    onnx, runtime = pytest.importorskip('onnx'), pytest.importorskip('onnxruntime')
    try:
        graph = onnx.load(str(wheel_file(SOURCES[model].file)))
    except ImportError as error:
        pytest.skip(str(error))
    for name in outputs or ():
        graph.graph.output.append(onnx.helper.make_tensor_value_info(name, 1, None))
    return runtime.InferenceSession(graph.SerializeToString())

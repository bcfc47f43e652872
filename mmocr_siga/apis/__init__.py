"""Reading and explaining words outside of MMOCR's runner.

Names are imported when they are asked for, so that :class:`ONNXRecognizer` works where neither
PyTorch nor MMOCR is installed.
"""
from importlib import import_module
from typing import Any

_HOMES = {
    'ONNXRecognizer': 'onnx_recognizer',
    'explain': 'explain',
    'export_onnx': 'onnx_export',
    'optimize_for_reading': 'inference',
    'quantize_onnx': 'onnx_export',
}

__all__ = ['ONNXRecognizer', 'explain', 'export_onnx', 'optimize_for_reading', 'quantize_onnx']


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    # Not through globals(): a function may have the name of its module.
    value = getattr(import_module(f'.{_HOMES[name]}', __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))

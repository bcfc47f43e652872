"""Reading and explaining words outside of MMOCR's runner.

Names are imported when they are first asked for; those of ``_LIGHT`` need neither PyTorch nor
MMOCR, and :class:`ONNXRecognizer` nothing but onnxruntime, NumPy and OpenCV.
"""
import importlib
from typing import Any

from ..compat.dependencies import import_component
from ..inference.onnx_recognizer import ONNXRecognizer

_LIGHT = {
    'ContextPool': 'inference.context_pool',
    'EditResult': 'structures.results',
    'EditedWord': 'structures.results',
    'ONNXWordReader': 'inference.onnx_word_reader',
    'SceneResult': 'structures.results',
    'SkippedRegion': 'structures.results',
    'SpottedWord': 'structures.results',
    'WordReader': 'inference.word_reader',
    'WordResult': 'structures.results',
    'load_reader': 'inference.load_reader',
}
_MODULES = {
    'ONNXDetector': 'inference.onnx_detector',
    'SIGAInferencer': 'inference.word_inferencer',
    'SceneInferencer': 'inference.scene_inferencer',
    'WordEditor': 'inference.editor',
    'WordInferencer': 'inference.word_inferencer',
    'explain': 'inference.explain',
    'export_detector': 'export.detector_export',
    'export_onnx': 'export.onnx_export',
    'optimize_for_inference': 'inference.optimize',
    'quantize_onnx': 'export.onnx_export',
    'transfer_dictionary': 'models.utils.dictionary_transfer',
}
_ALIASES = {'SIGASpottingInferencer': 'SceneInferencer'}

__all__ = ['ONNXRecognizer', *_LIGHT, *_MODULES, *_ALIASES]


def __getattr__(name: str) -> Any:
    own = _ALIASES.get(name, name)
    if own in _LIGHT:
        module = importlib.import_module(f'mmocr_siga.{_LIGHT[own]}')
    elif own in _MODULES:
        module = import_component(f'mmocr_siga.{_MODULES[own]}', f'{__name__}.{name}')
    else:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return globals().setdefault(name, getattr(module, own))

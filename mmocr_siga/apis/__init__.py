"""Reading and explaining words outside of MMOCR's runner.

Names are imported when they are first asked for; :class:`ONNXRecognizer` alone needs neither
PyTorch nor MMOCR.
"""
from typing import Any

from ..compat.dependencies import import_component
from ..inference.onnx_recognizer import ONNXRecognizer

_MODULES = {
    'SIGAInferencer': 'inference.word_inferencer',
    'SceneInferencer': 'inference.scene_inferencer',
    'SceneResult': 'structures.results',
    'SkippedRegion': 'structures.results',
    'SpottedWord': 'structures.results',
    'WordInferencer': 'inference.word_inferencer',
    'WordResult': 'structures.results',
    'explain': 'inference.explain',
    'export_onnx': 'export.onnx_export',
    'optimize_for_inference': 'inference.optimize',
    'quantize_onnx': 'export.onnx_export',
    'transfer_dictionary': 'models.utils.dictionary_transfer',
}
_ALIASES = {'SIGASpottingInferencer': 'SceneInferencer'}

__all__ = ['ONNXRecognizer', *_MODULES, *_ALIASES]


def __getattr__(name: str) -> Any:
    own = _ALIASES.get(name, name)
    if own not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    module = import_component(f'mmocr_siga.{_MODULES[own]}', f'{__name__}.{name}')
    return globals().setdefault(name, getattr(module, own))

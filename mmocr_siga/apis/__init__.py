"""Reading and explaining words outside of MMOCR's runner.

Where PyTorch or MMOCR is missing there is :class:`ONNXRecognizer` alone.
"""
from ..compat.frameworks import missing_framework
from ..inference.onnx_recognizer import ONNXRecognizer

__all__ = ['ONNXRecognizer']

if missing_framework() is None:
    from ..export.onnx_export import export_onnx, quantize_onnx
    from ..inference.explain import explain
    from ..inference.optimize import optimize_for_reading
    from ..inference.scene_inferencer import SceneInferencer
    from ..inference.word_inferencer import WordInferencer
    from ..models.utils.dictionary_transfer import transfer_dictionary
    from ..structures.results import SceneResult, SkippedRegion, SpottedWord, WordResult

    __all__ += ['WordInferencer', 'SceneInferencer', 'SceneResult', 'SkippedRegion',
                'SpottedWord', 'WordResult', 'explain', 'export_onnx', 'optimize_for_reading',
                'quantize_onnx', 'transfer_dictionary']

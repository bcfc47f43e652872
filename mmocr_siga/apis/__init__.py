"""Reading and explaining words outside of MMOCR's runner.

Where PyTorch or MMOCR is missing there is :class:`ONNXRecognizer` alone.
"""
from ..frameworks import missing_framework
from .onnx_recognizer import ONNXRecognizer

__all__ = ['ONNXRecognizer']

if missing_framework() is None:
    from .dictionary_transfer import transfer_dictionary
    from .explain import explain
    from .inference import optimize_for_reading
    from .inferencer import SIGAInferencer, WordReading
    from .onnx_export import export_onnx, quantize_onnx
    from .spotting_inferencer import (
        SceneReading,
        SIGASpottingInferencer,
        SkippedWord,
        SpottedWord,
    )

    __all__ += ['SIGAInferencer', 'SIGASpottingInferencer', 'SceneReading', 'SkippedWord',
                'SpottedWord', 'WordReading', 'explain', 'export_onnx', 'optimize_for_reading',
                'quantize_onnx', 'transfer_dictionary']

"""Which reader reads: onnxruntime, or PyTorch."""
from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from ..compat.dependencies import import_component
from .onnx_word_reader import ONNXWordReader
from .packaged import DEFAULT_MODEL, packaged_of
from .word_reader import WordReader

if TYPE_CHECKING:
    import torch
    from mmengine.config import Config

__all__ = ['BACKENDS', 'load_reader']

BACKENDS = ('onnx', 'torch')


def load_reader(model: str | os.PathLike | Config = DEFAULT_MODEL,
                weights: str | os.PathLike | None = None,
                device: str | torch.device | None = None, backend: str | None = None,
                tta: float | None = None, **context: Any) -> WordReader:
    """A reader of words: packaged models are read by onnxruntime, which imports neither PyTorch nor
    MMOCR, unless another device than the CPU is asked for; everything else by PyTorch.

    Args:
        model, weights, device, tta: As for :class:`WordInferencer`; ``device`` None is the CPU
            where onnxruntime reads.
        backend: 'onnx' for onnxruntime (:class:`ONNXWordReader`), 'torch' for PyTorch
            (:class:`WordInferencer`). None: onnxruntime where it can; where the graph of a packaged
            model or onnxruntime itself is missing, PyTorch, after a warning.
        context: ``context`` and ``shots`` of :class:`WordInferencer`, by PyTorch alone.

    Raises:
        FileNotFoundError, ImportError, RuntimeError, ValueError: As for the readers; ValueError,
            too, for what ``backend='onnx'`` cannot read.
    """
    if backend not in (None, *BACKENDS):
        raise ValueError(f'backend must be one of {BACKENDS}, got {backend!r}')
    if backend != 'torch':
        reason = None
        if context:
            reason = 'a context needs PyTorch'
        elif device is not None and str(device) != 'cpu':
            reason = f'it reads on the CPU, not on {device}'
        elif weights is not None or packaged_of(model) is None:
            reason = ('it reads packaged models with their own weights; '
                      'tools/checkpoints/pack_weights.py packs others')
        if reason is None:
            try:
                return ONNXWordReader(model, tta=tta)
            except (ImportError, FileNotFoundError) as error:
                if backend == 'onnx':
                    raise
                logging.getLogger('mmocr_siga').warning(
                    '%s. PyTorch reads in its place, which takes longer to start', error)
        elif backend == 'onnx':
            raise ValueError(f'onnxruntime cannot be used here: {reason}')
    inferencer = import_component('mmocr_siga.inference.word_inferencer', 'WordInferencer')
    return inferencer.WordInferencer(model, weights, device, tta=tta, **context)

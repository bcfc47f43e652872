"""Write recognizers to ONNX files that :class:`~mmocr_siga.apis.ONNXRecognizer` reads with."""
from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer

from ..inference.onnx_recognizer import FORMAT_KEY, FORMAT_VERSION, INTERPOLATIONS
from ..models.encoders import SIGAEncoder
from ..version import __version__

__all__ = [
    'DEFAULT_OPSET', 'OPSETS', 'check_exportable', 'export_metadata', 'export_onnx',
    'has_glyph_maps', 'quantize_onnx'
]

OPSETS = (16, 20)  # from bilinear sampling, which rectifiers need, to what the tracer knows
DEFAULT_OPSET = 17
# Transforms that do not change an image of a file or an array in BGR.
_WITHOUT_EFFECT = ('EnsureBGR', 'LoadOCRAnnotations', 'PackTextRecogInputs', 'PackGlyphInputs',
                   'InferencerLoader', 'TextMask')
_LOADERS = ('LoadImageFromFile', 'LoadWordImage')


def export_onnx(model: EncoderDecoderRecognizer, path: str | os.PathLike,
                opset: int = DEFAULT_OPSET, glyph_maps: bool = False, dynamic_width: bool = False,
                name: str | None = None,
                weights: str | os.PathLike | None = None) -> dict[str, Any]:
    """Export a recognizer, with its whole greedy reading, as one graph.

    The graph takes uint8 images of the size that the test pipeline makes, in batches of any size;
    see :func:`~mmocr_siga.export.onnx_graph.recognizer_graph` for inputs and outputs.

    Args:
        model: A recognizer with a :class:`WordDecoder`, and its config as ``model.cfg`` (for the
            test pipeline); not changed.
        path: A file that is there is replaced.
        opset: Version of the ONNX operators, 16 to 20.
        glyph_maps: Whether to output where each character is.
        dynamic_width: Whether images may have other widths.
        name: Name of the model in the metadata; None: the type of its decoder.
        weights: The checkpoint that the model was loaded from, in the folder of ``path``: the graph
            refers to it for the weights, which it then holds no more, and lies beside it from then
            on.

    Returns:
        The metadata written, see docs/guides/export.md.

    Raises:
        ImportError: If the package onnx is missing.
        TypeError: If the recognizer cannot be exported.
        ValueError: If the opset, the test pipeline or the wish for glyph maps cannot be met.
        OSError: If the file cannot be written.
    """
    onnx = _onnx()
    check_exportable(model, opset, glyph_maps)
    metadata = export_metadata(model, name, dynamic_width)
    from .onnx_graph import recognizer_graph
    size = metadata['preprocessing']['size']
    padded = any(s['type'] == 'pad_to_width' for s in metadata['preprocessing']['steps'])
    with _replaced(path) as partial:
        # The weights are constants for the tracer.
        reader = copy.deepcopy(model).cpu().float().eval().requires_grad_(False)
        graph = recognizer_graph(reader, tuple(size), opset, glyph_maps, padded, dynamic_width,
                                 folded=weights is None)
        graph.producer_name, graph.producer_version = 'mmocr_siga', __version__
        metadata.update(dynamic_width=dynamic_width, opset=opset)
        onnx.helper.set_model_props(graph, {FORMAT_KEY: json.dumps(metadata, ensure_ascii=False)})
        if weights is not None:
            from .stored_weights import refer_to_stored
            refer_to_stored(graph.graph, weights)
        onnx.save(graph, str(partial))
    return metadata


def check_exportable(model: EncoderDecoderRecognizer, opset: int = DEFAULT_OPSET,
                     glyph_maps: bool = False) -> None:
    """Raise what :func:`export_onnx` would, but for the pipeline."""
    decoder = getattr(model, 'decoder', None)
    if not (isinstance(model, EncoderDecoderRecognizer) and getattr(decoder, 'exportable', False)):
        what = type(model).__name__ if decoder is None else type(decoder).__name__
        raise TypeError(f'{what} cannot be exported; recognizers with a WordDecoder can, as '
                        'SIGADecoder, ImplicitAttentionDecoder, CoverageTransformerDecoder, '
                        'SIGAParallelDecoder, SRNDecoder')
    if getattr(model, '_feeds', False):
        raise TypeError('a recognizer that plug-ins feed features cannot be exported')
    low, high = OPSETS
    if isinstance(opset, bool) or not isinstance(opset, int) or not low <= opset <= high:
        raise ValueError(f'opset must be a whole number from {low} to {high}, but is {opset!r}')
    encoder = model.encoder if model.with_encoder else None
    if not getattr(encoder, 'exportable', True):
        raise TypeError(f'a recognizer with a {type(encoder).__name__} cannot be exported')
    if glyph_maps and not has_glyph_maps(model):
        raise ValueError(f'there are no glyph maps to output: {type(encoder).__name__} makes none')


def has_glyph_maps(model: EncoderDecoderRecognizer) -> bool:
    """Whether a recognizer can tell where each character is."""
    encoder = model.encoder if model.with_encoder else None
    return isinstance(encoder, SIGAEncoder) and encoder.pyramid is not None


def export_metadata(model: EncoderDecoderRecognizer, name: str | None = None,
                    dynamic_width: bool = False) -> dict[str, Any]:
    """What a reader has to know; see :func:`export_onnx`."""
    cfg = getattr(model, 'cfg', None)
    if cfg is None:
        raise ValueError('export needs the test pipeline: set model.cfg to the config that the '
                         'model was built from')
    decoder = model.decoder
    dictionary = decoder.dictionary
    steps = _steps(cfg.test_dataloader.dataset.pipeline, dynamic_width)
    preprocessor = model.data_preprocessor
    normalized = getattr(preprocessor, '_enable_normalize', False)
    last = steps[-1]
    height = next(s['height'] for s in reversed(steps) if 'height' in s)
    return dict(
        format_version=FORMAT_VERSION,
        mmocr_siga_version=__version__,
        model=name or type(decoder).__name__,
        decoder=type(decoder).__name__,
        max_seq_len=decoder.max_seq_len,
        dictionary=dict(
            characters=list(dictionary.dict),
            end_idx=dictionary.end_idx,
            ignored=sorted(i for i in decoder.postprocessor.ignore_indexes
                           if i != dictionary.end_idx)),
        preprocessing=dict(
            steps=steps,
            size=[height, last['width']],
            keep_ratio=last['type'] == 'pad_to_width',
            channel_order='bgr',
            layout='NHWC',
            dtype='uint8',
            in_graph=dict(
                swap_channels=bool(getattr(preprocessor, '_channel_conversion', False)),
                mean=preprocessor.mean.flatten().tolist() if normalized else None,
                std=preprocessor.std.flatten().tolist() if normalized else None)))


def _steps(pipeline: list, dynamic_width: bool) -> list[dict[str, Any]]:
    """The steps of a test pipeline that change images."""
    steps = []
    for transform in pipeline:
        kind = transform['type'].split('.')[-1]
        if kind in _LOADERS:
            if transform.get('color_type', 'color') != 'color':
                raise ValueError(f'the test pipeline loads images as {transform["color_type"]!r}: '
                                 "the reader knows color_type='color'")
        elif kind == 'Resize' and not transform.get('keep_ratio', False):
            width, height = transform['scale']
            steps.append(_resize('resize', transform, width=width, height=height))
        elif kind == 'RescaleToHeight':
            steps.append(_resize('rescale_to_height', transform, **{
                key: transform.get(key) for key in ('height', 'min_width', 'max_width')},
                width_divisor=transform.get('width_divisor', 1)))
        elif kind == 'PadToWidth':
            steps.append(_padding(transform))
        elif kind not in _WITHOUT_EFFECT:
            raise ValueError(f'the test pipeline has the step {dict(transform)}; the reader knows '
                             'Resize (keep_ratio=False), RescaleToHeight and PadToWidth')
    kinds = [step['type'] for step in steps]
    if kinds not in (['resize'], ['rescale_to_height', 'pad_to_width']):
        raise ValueError('the test pipeline must bring all images to one size, by Resize alone or '
                         f'by RescaleToHeight and PadToWidth, but has {kinds or "neither"}')
    if len(steps) == 2 and not dynamic_width and not (
            0 < (steps[0]['max_width'] or 0) <= steps[1]['width']):
        raise ValueError('RescaleToHeight needs a max_width of at most the width of PadToWidth '
                         f'({steps[1]["width"]}), but has {steps[0]["max_width"]}; or export with '
                         'dynamic_width=True')
    return steps


def _resize(kind: str, transform: dict, **sizes: Any) -> dict[str, Any]:
    interpolation = transform.get('interpolation', 'bilinear')
    if transform.get('backend', 'cv2') != 'cv2' or interpolation not in INTERPOLATIONS:
        raise ValueError(f'the test pipeline resizes by {dict(transform)}; the reader knows '
                         f"backend='cv2' and {sorted(INTERPOLATIONS)}")
    return dict(type=kind, interpolation=interpolation, **sizes)


def _padding(transform: dict) -> dict[str, Any]:
    cfg = transform.get('pad_cfg', {})
    value = cfg.get('pad_val', 0)
    value = value.get('img', 0) if isinstance(value, dict) else value
    if cfg.get('padding_mode', 'constant') != 'constant':
        raise ValueError(f'the test pipeline pads by {dict(cfg)}; the reader knows '
                         "padding_mode='constant'")
    value = list(value) if isinstance(value, (list, tuple)) else [value] * 3
    return dict(type='pad_to_width', width=transform['width'], value=value)


def quantize_onnx(source: str | os.PathLike, target: str | os.PathLike) -> None:
    """Quantize an exported file dynamically: int8 weights of matrix products, float elsewhere.

    Convolutions stay as they are: quantized without calibration they are slower and read worse.
    """
    onnx = _onnx()
    from onnxruntime.quantization import QuantType, quantize_dynamic
    with _replaced(target) as partial:
        quantize_dynamic(os.fspath(source), str(partial), weight_type=QuantType.QInt8,
                         op_types_to_quantize=['MatMul', 'Gemm', 'LSTM'], per_channel=True,
                         extra_options=dict(EnableSubgraph=True, MatMulConstBOnly=True))
        graph = onnx.load(str(partial))
        _loop_last(graph)
        onnx.checker.check_model(graph)
        onnx.save(graph, str(partial))


def _loop_last(model: Any) -> None:
    """Put the loop after what it takes by name, which the quantizer does not look for."""
    nodes = list(model.graph.node)
    read = {name for node in nodes if node.op_type == 'Loop' for name in node.output}
    nodes.sort(key=lambda node: 1 if node.op_type == 'Loop' else 2 * bool(read & set(node.input)))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _onnx() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise ImportError(f'export needs the package onnx, which could not be imported ({error}): '
                          "pip install onnx onnxruntime") from error
    return onnx


@contextmanager
def _replaced(path: str | os.PathLike) -> Iterator[Path]:
    """A file that takes the place of another once it is complete; whether there can be one shows
    before the work."""
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f'cannot write {path}: it is a folder; give the name of a file')
    partial = path.with_name(f'.{path.name}.{os.getpid()}.partial')
    try:
        partial.touch()
    except OSError as error:
        raise type(error)(f'cannot write {path}: {error.strerror}') from error
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)

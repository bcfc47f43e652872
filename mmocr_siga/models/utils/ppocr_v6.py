"""Weights of PP-OCRv6 (Apache-2.0) out of the models that the package ``rapidocr`` carries."""
from __future__ import annotations

import hashlib
import importlib.util
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from mmengine.registry import WEIGHT_INITIALIZERS
from torch import Tensor, nn

WHEEL = 'rapidocr==3.10.0'


class Source(NamedTuple):
    """A model file of the wheel: name, SHA-256, and its parts with their count of tensors, in the
    order in which the graph uses them."""

    file: str
    sha256: str
    parts: tuple[tuple[str, int], ...]


SOURCES = {
    'recognizer': Source(
        'PP-OCRv6_rec_small.onnx',
        '6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884',
        (('backbone', 108), ('encoder', 41), ('classifier', 2))),
    'detector': Source(
        'PP-OCRv6_det_small.onnx',
        '090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f',
        (('backbone', 108), ('neck', 48), ('head', 6)))}

# Where a module does not define its parts in the order of use: the order of use.
ORDERS = {
    'neck': [*(f'laterals.{i}.' for i in (3, 2, 1, 0)),
             *(f'{part}.{i}.' for i in (3, 2, 1, 0) for part in ('large', 'narrow'))],
    'head': ['binarize.']}


@WEIGHT_INITIALIZERS.register_module()
class PretrainedPPOCRv6:
    """Starts a module from PP-OCRv6, as ``init_cfg=dict(type='PretrainedPPOCRv6', part=...)``.

    Args:
        part: ``'recognizer.backbone'`` for an :class:`LCNetV4`, ``'recognizer.encoder'`` for a
            :class:`LightSVTREncoder`, ``'recognizer.classifier'`` for a :class:`CTCDecoder`, which
            takes the rows of its characters, ``'detector.backbone'`` for an :class:`LCNetV4`,
            ``'detector.neck'`` for a :class:`RepLKFPN`, ``'detector.head'`` for a
            :class:`BiasedDBHead`.
        path: The ONNX file, by default the one of the installed wheel.
    """

    def __init__(self, part: str, path: str | os.PathLike | None = None) -> None:
        self.part = part
        self.path = path

    def __call__(self, module: nn.Module) -> None:
        load_part(module, self.part, self.path)


def load_part(module: nn.Module, part: str, path: str | os.PathLike | None = None) -> None:
    """Copy a part of PP-OCRv6 into a module that is built like it; see :class:`PretrainedPPOCRv6`.

    Raises:
        ImportError: If ``rapidocr`` or ``onnx`` is missing.
        ValueError: If the file is not the known one, or the module is built otherwise.
    """
    model, _, name = part.partition('.')
    tensors = read_tensors(model, path)[name]
    state = module.state_dict()
    if name == 'classifier':
        tensors = _rows_of(module, tensors, path)
    # Offsets of deformable convolutions begin with nothing.
    wanted = [key for prefix in ORDERS.get(name, ['']) for key in state if key.startswith(prefix)
              and not key.endswith('num_batches_tracked') and '.conv_offset.' not in key]
    if len(wanted) != len(tensors):
        raise ValueError(f'{type(module).__name__} has {len(wanted)} tensors of those that '
                         f'{part} of PP-OCRv6 has {len(tensors)} of: use its class and defaults')
    for key, (theirs, tensor) in zip(wanted, tensors):
        if _sides(tensor) != _sides(state[key]):
            raise ValueError(f'{key} of {type(module).__name__} is {tuple(state[key].shape)} and '
                             f'{theirs} of PP-OCRv6 is {tuple(tensor.shape)}: use its default '
                             'arguments')
        with torch.no_grad():
            state[key].copy_(tensor.reshape(state[key].shape))


def _rows_of(decoder: nn.Module, tensors: list[tuple[str, Tensor]],
             path: str | os.PathLike | None) -> list[tuple[str, Tensor]]:
    """The rows of the classifier that belong to a decoder's classes; the end token has zeros."""
    rows = {character: row for row, character in enumerate(characters(path), 1)}
    dictionary = decoder.dictionary
    names = list(dictionary.dict)
    special = {dictionary.padding_idx: 0, dictionary.end_idx: None}
    unknown = [c for i, c in enumerate(names) if i not in special and c not in rows]
    if unknown:
        raise ValueError(f'PP-OCRv6 does not know {len(unknown)} characters of the dictionary: '
                         f'{unknown[:8]}')
    wanted = [special[i] if i in special else rows[c] for i, c in enumerate(names)]
    return [(name, torch.stack([tensor[0] * 0 if row is None else tensor[row] for row in wanted]))
            for name, tensor in tensors]


def _sides(tensor: Tensor) -> list[int]:
    """The shape, but for axes of size 1: biases are stored as maps of one pixel."""
    return [side for side in tensor.shape if side != 1]


def read_tensors(model: str, path: str | os.PathLike | None = None
                 ) -> dict[str, list[tuple[str, Tensor]]]:
    """The weights of the ``'recognizer'`` or the ``'detector'``: part -> (name, tensor) in order of
    use, matrices as ``nn.Linear`` stores them."""
    used = _used_tensors(model_file(model, path))
    assert len(used) == sum(count for _, count in SOURCES[model].parts)
    parts = {}
    for name, count in SOURCES[model].parts:
        parts[name], used = used[:count], used[count:]
    return parts


def characters(path: str | os.PathLike | None = None) -> list[str]:
    """The characters of the recognizer's classes 1, 2, ...; class 0 is CTC's blank."""
    model = _onnx().load_from_string(model_file('recognizer', path))
    properties = {p.key: p.value for p in model.metadata_props}
    return [*properties['character'].splitlines(), ' ']


def wheel_file(name: str) -> Path:
    """A model file of the installed wheel, which is found without importing it.

    An ImportError tells where there is none.
    """
    spec = importlib.util.find_spec('rapidocr')
    places = [] if spec is None else spec.submodule_search_locations or [spec.origin]
    folders = [Path(place, 'models') for place in places]
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        why = f'{folders[0]} has none' if folders else 'that is not installed'
        raise ImportError(f'{name} comes with {WHEEL}, but {why}: '
                          f"pip install '{WHEEL}'")
    return path


def model_file(model: str, path: str | os.PathLike | None = None) -> bytes:
    """The ONNX file of the ``'recognizer'`` or the ``'detector'``.

    Raises:
        ImportError: If ``rapidocr`` is missing, or is a version without it.
        ValueError: If the file is not the known one.
    """
    source = SOURCES[model]
    path = wheel_file(source.file) if path is None else Path(path)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != source.sha256:
        raise ValueError(f'{path} is not the {source.file} of {WHEEL}: it is damaged, or of '
                         f'another version (SHA-256 {found}, expected {source.sha256}): '
                         f"pip install --force-reinstall --no-deps '{WHEEL}'")
    return content


def _onnx():
    try:
        import onnx
    except ImportError as error:
        raise ImportError("reading the weights of PP-OCRv6 needs onnx: pip install 'onnx>=1.15'"
                          ) from error
    return onnx


def _used_tensors(content: bytes) -> list[tuple[str, Tensor]]:
    """Weights in the order in which the nodes of an ONNX graph use them. Left out are numbers of
    the graph itself: constants of GELU and of normalizations, the scale of attention, sizes."""
    onnx = _onnx()
    graph = onnx.load_from_string(content).graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    source = {name: name for name in tensors}
    out = []
    for node in graph.node:
        if node.op_type == 'Identity' and node.input[0] in source:
            source[node.output[0]] = source[node.input[0]]
            continue
        for name in (source[i] for i in node.input if i in source):
            tensor = tensors[name]
            if (tensor.data_type != onnx.TensorProto.FLOAT or list(tensor.dims) in ([], [1])
                    or name.startswith('helper.constant')):
                continue
            array = np.array(onnx.numpy_helper.to_array(tensor))
            out.append((name, torch.from_numpy(array.T if node.op_type == 'MatMul' else array)))
    return out

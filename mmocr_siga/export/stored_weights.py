"""Weights of a graph that stay where they are: in a checkpoint beside it.

``torch.save`` writes an archive whose parts are not compressed, so ONNX's *external data* can point
into it: at a position, so many bytes are a tensor. Half precision becomes single in the graph, and
layouts (channels last) are undone there; what loads the graph does both once.
"""
from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

__all__ = ['refer_to_stored']

# Smaller ones take no less room where they are referred to.
_LEAST = 256  # bytes


def refer_to_stored(graph: GraphProto, weights: str | os.PathLike[str]) -> None:
    """Let the initializers of a graph that a checkpoint holds refer to it, in place.

    Values decide, not names: a tensor is referred to where the file holds these very bytes, of
    single or of half precision. What it does not hold stays in the graph.
    """
    stored, tensors, nodes = _parts(weights), [], []
    for tensor in graph.initializer:
        for values, order, offset in _places(tensor, stored):
            tensor, more = _referring(tensor.name, values, order, weights, offset)
            nodes += more
            break
        tensors.append(tensor)
    for field, values in ((graph.initializer, tensors), (graph.node, [*nodes, *graph.node])):
        del field[:]
        field.extend(values)


def _parts(weights: str | os.PathLike[str]) -> dict[bytes, int]:
    """Where each part of an archive begins, by its content."""
    found = {}
    with open(weights, 'rb') as file, zipfile.ZipFile(file) as archive:
        for part in archive.infolist():
            if part.compress_type == zipfile.ZIP_STORED and part.file_size >= _LEAST:
                # Its local header has 30 bytes, a name and a field of its own.
                file.seek(part.header_offset + 26)
                lengths = np.frombuffer(file.read(4), '<u2').tolist()
                offset = file.seek(part.header_offset + 30 + sum(lengths))
                found[file.read(part.file_size)] = offset
    return found


def _places(tensor: TensorProto,
            stored: dict[bytes, int]) -> Iterator[tuple[np.ndarray, tuple[int, ...], int]]:
    """Where a file has a tensor: the values as they are there, their order of axes, the position.
    """
    if tensor.data_type != TensorProto.FLOAT:
        return
    values = numpy_helper.to_array(tensor)
    with np.errstate(over='ignore'):
        half = values.astype(np.float16)
    for order in [tuple(range(values.ndim)), *([(0, 2, 3, 1)] if values.ndim == 4 else [])]:
        for kept in (half, values):
            offset = stored.get(kept.transpose(order).tobytes())
            if offset is not None and np.array_equal(kept, values):
                yield kept.transpose(order), order, offset


def _referring(name: str, values: np.ndarray, order: tuple[int, ...],
               weights: str | os.PathLike[str],
               offset: int) -> tuple[TensorProto, list[NodeProto]]:
    """A tensor in a file, and what makes of it the one of that name: single precision, in the
    layout that is read."""
    steps = []
    if values.dtype == np.float16:
        steps.append(('Cast', dict(to=TensorProto.FLOAT)))
    if list(order) != sorted(order):
        steps.append(('Transpose', dict(perm=np.argsort(order).tolist())))
    names = [f'{name}/{i}' for i in range(len(steps))] + [name]
    nodes = [helper.make_node(kind, [begin], [end], **options)
             for (kind, options), begin, end in zip(steps, names, names[1:])]
    tensor = TensorProto(name=names[0], dims=values.shape, data_location=TensorProto.EXTERNAL,
                         data_type=helper.np_dtype_to_tensor_dtype(values.dtype))
    for key, value in dict(location=os.path.basename(weights), offset=offset,
                           length=values.nbytes).items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor, nodes

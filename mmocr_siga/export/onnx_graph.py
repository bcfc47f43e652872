"""Recognisers as ONNX graphs: what is traced, and how the pieces become one graph.

A decoder that reads in a loop is traced in two pieces, everything before the loop and one step; an
ONNX ``Loop`` around the step ends with the last word of the batch. Nothing is unrolled, and nothing
depends on which of PyTorch's exporters can trace a loop.
"""
from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import onnx
import torch
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from onnx import TensorProto, helper
from torch import Tensor, nn

from ..models.decoders.greedy import GreedyWordDecoder

__all__ = ['recognizer_graph']

# Of the step's names, which would otherwise meet those of what comes before.
_STEP = 'step/'


def recognizer_graph(model: EncoderDecoderRecognizer, size: tuple[int, int], opset: int,
                     glyph_maps: bool = False, padded: bool = False,
                     dynamic_width: bool = False) -> onnx.ModelProto:
    """Trace a recogniser.

    Inputs are ``images``, uint8 (N, H, W, C) as OpenCV gives them, and, for pipelines that pad,
    ``valid_ratio``, float32 (N,). Outputs are ``tokens``, int64 (N, T'), and ``scores``, float32
    (N, T'), the probability of each token. T' is the number of steps that ran: the end token comes
    last in the longest word. With glyph maps there are ``glyph_maps_fine`` and
    ``glyph_maps_coarse``, float32 (N, T + 1, h, w), the probability of each pixel to be background
    (channel 0) or a part of the t-th character.

    Args:
        model (EncoderDecoderRecognizer): In evaluation mode, on the CPU, float32.
        size (tuple[int, int]): Height and width of the images.
        opset (int): Version of the ONNX operators.
        glyph_maps (bool): Whether to output glyph maps. Defaults to False.
        padded (bool): Whether images may show padding. Defaults to False.
        dynamic_width (bool): Whether the width may vary. Defaults to False.

    Returns:
        ModelProto: The graph, without metadata.
    """
    channels = 3 if model.data_preprocessor.mean.numel() == 3 else 1
    # Two different words: nothing may be folded because it is the same for all.
    images = torch.randint(0, 256, (2, *size, channels), dtype=torch.uint8)
    inputs = [images] + ([torch.tensor([1.0, 0.6])] if padded else [])
    names = ['images', 'valid_ratio'][:len(inputs)]
    loop = isinstance(model.decoder, GreedyWordDecoder)
    front = (LoopFront if loop else ParallelReader)(model, glyph_maps).eval()
    with torch.no_grad():
        example = front(*inputs)
    outputs = front.output_names(example)
    axes = {name: {0: 'batch'} for name in names}
    if dynamic_width:
        axes['images'][2] = 'width'
    axes.update((name, {0: 'batch'}) for name in outputs if not name.startswith('memory'))
    graph = _traced(front, inputs, names, outputs, axes, opset)
    if loop:
        _add_loop(graph, front, example, opset)
    # Shapes that were inferred for the example's batch would not hold.
    del graph.graph.value_info[:]
    onnx.checker.check_model(graph)
    return graph


class _Reader(nn.Module):
    """From images to what an encoder gives.

    Args:
        model (EncoderDecoderRecognizer): The recogniser.
        glyph_maps (bool): Whether glyph maps are wanted.
    """

    def __init__(self, model: EncoderDecoderRecognizer, glyph_maps: bool) -> None:
        super().__init__()
        self.model = model
        self.glyph_maps = glyph_maps

    def encode(self, images: Tensor, valid_ratio: Tensor | None) -> tuple:
        """Features and encoding of uint8 images (N, H, W, C)."""
        preprocessor = self.model.data_preprocessor
        inputs = images.permute(0, 3, 1, 2)
        if getattr(preprocessor, '_channel_conversion', False):
            inputs = inputs.flip(1)
        inputs = inputs.float()
        if getattr(preprocessor, '_enable_normalize', False):
            inputs = (inputs - preprocessor.mean) / preprocessor.std
        feat = self.model.extract_feat(inputs)
        encoding = self.model.encoder(feat, valid_ratio) if self.model.with_encoder else None
        return feat, encoding

    def maps(self, encoding: Any) -> list[Tensor]:
        """Probabilities of the glyph maps that are wanted."""
        if not self.glyph_maps:
            return []
        return [encoding.glyph_maps[scale].float().softmax(1) for scale in encoding.glyph_maps]

    def map_names(self, count: int) -> list[str]:
        return ['glyph_maps_fine', 'glyph_maps_coarse'][:count]


class ParallelReader(_Reader):
    """A recogniser whose decoder has no loop: all of it."""

    def forward(self, images: Tensor, valid_ratio: Tensor | None = None) -> tuple[Tensor, ...]:
        feat, encoding = self.encode(images, valid_ratio)
        probabilities = self.model.decoder.forward_test(feat, encoding, valid_ratio)
        scores, tokens = probabilities.max(-1)
        return (tokens, scores, *self.maps(encoding))

    def output_names(self, outputs: Sequence[Tensor]) -> list[str]:
        return ['tokens', 'scores', *self.map_names(len(outputs) - 2)]


class LoopFront(_Reader):
    """What comes before the loop: memory and first state of the decoder, flattened."""

    def __init__(self, model: EncoderDecoderRecognizer, glyph_maps: bool) -> None:
        super().__init__(model, glyph_maps)
        model.decoder.freeze_reading()
        self.weights = model.decoder.frozen_reading
        self.parts: dict[str, tuple] = {}

    def forward(self, images: Tensor, valid_ratio: Tensor | None = None) -> tuple[Tensor, ...]:
        decoder = self.model.decoder
        _, encoding = self.encode(images, valid_ratio)
        memory = decoder.reading_memory(self.weights, encoding)
        state = decoder.reading_start(self.weights, encoding.context)
        self.parts = dict(memory=memory, state=state)
        ended = torch.zeros_like(state.token, dtype=torch.bool)
        return (*tensors(memory), *tensors(state), ended, *self.maps(encoding))

    def output_names(self, outputs: Sequence[Tensor]) -> list[str]:
        memory, state = (len(list(tensors(self.parts[part]))) for part in ('memory', 'state'))
        return ([f'memory_{i}' for i in range(memory)] + [f'state_{i}' for i in range(state)]
                + ['ended'] + self.map_names(len(outputs) - memory - state - 1))


class LoopStep(nn.Module):
    """One step of a decoder.

    Args:
        front (LoopFront): After it has run once.
    """

    def __init__(self, front: LoopFront) -> None:
        super().__init__()
        self.decoder = front.model.decoder
        self.weights = front.weights
        self.memory, self.state = front.parts['memory'], front.parts['state']
        self.sizes = [len(list(tensors(part))) for part in (self.memory, self.state)]

    def forward(self, t: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        memory, state, ended = given[:self.sizes[0]], given[self.sizes[0]:-1], given[-1]
        state, logits = self.decoder.reading_step(
            self.weights, rebuilt(self.memory, memory), rebuilt(self.state, state), t)
        token = state.token
        score = logits.float().softmax(-1).amax(-1)
        ended = torch.logical_or(ended, token == self.decoder.dictionary.end_idx)
        going_on = torch.logical_not(ended).any()
        # A character that is carried on and given out would have one name for both.
        return (going_on, *tensors(state), ended, token + 0, score)


def tensors(part: tuple) -> Iterator[Tensor]:
    """The tensors in (nested) named tuples, in order."""
    for value in part:
        if isinstance(value, Tensor):
            yield value
        elif value is not None:
            yield from tensors(value)


def rebuilt(like: tuple, values: Sequence[Tensor]) -> tuple:
    """(Nested) named tuples like the given ones, of other tensors."""
    rest = iter(values)

    def build(part: tuple) -> tuple:
        return type(part)(*(None if v is None else next(rest) if isinstance(v, Tensor)
                            else build(v) for v in part))

    return build(like)


def _traced(module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str],
            outputs: Sequence[str], axes: dict, opset: int) -> onnx.ModelProto:
    """PyTorch's exporter that traces; newer versions have another one by default."""
    options = {}
    if 'dynamo' in inspect.signature(torch.onnx.export).parameters:
        options['dynamo'] = False
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # They concern shapes that are compared while tracing, and the exporter's age.
        warnings.simplefilter('ignore')
        torch.onnx.export(module, tuple(inputs), buffer, input_names=list(names),
                          output_names=list(outputs), dynamic_axes=axes, opset_version=opset,
                          do_constant_folding=True, **options)
    return onnx.load_from_string(buffer.getvalue())


def _add_loop(model: onnx.ModelProto, front: LoopFront, example: Sequence[Tensor],
              opset: int) -> None:
    """Put the loop behind what comes before it, in place."""
    graph = model.graph
    names = [value.name for value in graph.output]
    carried = [n for n in names if n.startswith('state_') or n == 'ended']
    memory = [n for n in names if n.startswith('memory_')]
    values = dict(zip(names, example))
    step = _step_graph(front, memory, carried, values, opset)
    constants = [helper.make_tensor('steps', TensorProto.INT64, [],
                                    [front.model.decoder.max_seq_len + 1]),
                 helper.make_tensor('go_on', TensorProto.BOOL, [], [True])]
    graph.initializer.extend(constants)
    graph.initializer.extend(step.initializer)
    del step.initializer[:]
    graph.node.append(helper.make_node(
        'Loop', ['steps', 'go_on', *carried],
        [f'last_{name}' for name in carried] + ['tokens_by_step', 'scores_by_step'],
        name='read', body=step))
    kept = [value for value in graph.output if value.name.startswith('glyph_maps')]
    del graph.output[:]
    for name, kind in (('tokens', TensorProto.INT64), ('scores', TensorProto.FLOAT)):
        graph.node.append(helper.make_node('Transpose', [f'{name}_by_step'], [name],
                                           name=f'{name}_of_words', perm=[1, 0]))
        graph.output.append(helper.make_tensor_value_info(name, kind, ['batch', 'steps_read']))
    graph.output.extend(kept)


def _step_graph(front: LoopFront, memory: Sequence[str], carried: Sequence[str], values: dict,
                opset: int) -> onnx.GraphProto:
    """The body of the loop; it takes its memory by name from the graph around it."""
    given = [torch.tensor(1), *(values[name] for name in (*memory, *carried))]
    inputs = ['t', *memory, *carried]
    outputs = ['going_on', *(f'next_{name}' for name in carried), 'token', 'score']
    step = _traced(LoopStep(front).eval(), given, inputs, outputs,
                   _all_axes(inputs, given), opset).graph
    _rename(step, {name: _STEP + name for name in _names(step) if name not in memory})
    taken = {value.name: value for value in step.input}
    body_inputs = [helper.make_tensor_value_info(_STEP + 't', TensorProto.INT64, []),
                   helper.make_tensor_value_info(_STEP + 'go_on', TensorProto.BOOL, [])]
    for name in carried:
        kind = helper.np_dtype_to_tensor_dtype(values[name].numpy().dtype)
        body_inputs.append(taken.get(_STEP + name) or helper.make_tensor_value_info(
            _STEP + name, kind, None))
    return helper.make_graph(list(step.node), 'step', body_inputs, list(step.output),
                             list(step.initializer))


def _all_axes(names: Sequence[str], values: Sequence[Tensor]) -> dict:
    """Let every axis vary: which of them are the batch, or depend on a width, is left open."""
    return {name: {axis: f'{name}_{axis}' for axis in range(value.dim())}
            for name, value in zip(names, values) if value.dim()}


def _names(graph: onnx.GraphProto) -> set[str]:
    names = {value.name for part in (graph.input, graph.output, graph.initializer)
             for value in part}
    for node in graph.node:
        names.update(node.input, node.output)
    return names - {''}


def _rename(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Rename values and nodes, in place."""
    for part in (graph.input, graph.output, graph.initializer, graph.value_info):
        for value in part:
            value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.name = _STEP + node.name
        for part in (node.input, node.output):
            for i, name in enumerate(part):
                part[i] = names.get(name, name)

"""Recognizers as ONNX graphs: what is traced, and how the pieces become one graph.

A decoder that reads in a loop is traced in two pieces, everything before the loop and one step; an
ONNX ``Loop`` around the step ends with the last word of the batch. Nothing is unrolled, and nothing
depends on which of PyTorch's exporters can trace a loop.
"""
from __future__ import annotations

import inspect
import io
import warnings
from collections.abc import Sequence
from typing import Any

import onnx
import torch
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from onnx import TensorProto, compose, helper
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from ..models.layers.sequence_lstm import StepWeights
from ..models.recognizers import GlyphRecognizer
from ..structures.encodings import SCALES

__all__ = ['recognizer_graph']

# Of the step's names, which would otherwise meet those of what comes before.
_STEP = 'step/'
_CACHE = _STEP + 'cache_'
_MAPS = [f'glyph_maps_{scale}' for scale in SCALES]


def recognizer_graph(model: EncoderDecoderRecognizer, size: tuple[int, int], opset: int,
                     glyph_maps: bool = False, padded: bool = False,
                     dynamic_width: bool = False, folded: bool = True) -> onnx.ModelProto:
    """Trace a recognizer, in evaluation mode, on the CPU and float32; without metadata.

    Inputs are ``images``, uint8 (N, H, W, C) as OpenCV gives them, and, for pipelines that pad,
    ``valid_ratio``, float32 (N,). Outputs are ``tokens``, int64 (N, T'), and ``scores``, float32
    (N, T'), the probability of each token. T' is the number of steps that ran: the end token comes
    last in the longest word. With glyph maps there are ``glyph_maps_fine`` and
    ``glyph_maps_coarse``, float32 (N, T + 1, h, w), the probability of each pixel to be background
    (channel 0) or a part of the t-th character. Decoders that align give ``alignment``, float32
    (N, T', w), the columns of each character. ``size`` is H and W. Unless ``folded`` the weights
    stay those of the model, and what is made of them alone is left to the graph.
    """
    channels = 3 if model.data_preprocessor.mean.numel() == 3 else 1
    # Two different words: nothing may be folded because it is the same for all.
    images = torch.randint(0, 256, (2, *size, channels), dtype=torch.uint8)
    inputs = [images] + ([torch.tensor([1.0, 0.6])] if padded else [])
    names = ['images', 'valid_ratio'][:len(inputs)]
    loop = not model.decoder.parallel
    front = (LoopFront if loop else ParallelReader)(model, glyph_maps, folded).eval()
    with torch.no_grad():
        example = front(*inputs)
    outputs = front.output_names(example)
    axes = {name: {0: 'batch'} for name in names}
    if dynamic_width:
        axes['images'][2] = 'width'
    axes.update((name, {0: 'batch'}) for name in outputs if not name.startswith(_CACHE))
    step = _step_graph(front, outputs, example, opset) if loop else None
    graph = _traced(front, inputs, names, outputs, axes, opset, folded)
    if loop:
        _add_loop(graph.graph, step, front.model.decoder.max_seq_len + 1)
    # Shapes that were inferred for the example's batch would not hold.
    del graph.graph.value_info[:]
    onnx.checker.check_model(graph)
    return graph


class _Reader(nn.Module):
    """From images to what an encoder gives."""

    def __init__(self, model: EncoderDecoderRecognizer, glyph_maps: bool, folded: bool) -> None:
        super().__init__()
        self.model = model
        self.glyph_maps, self.folded = glyph_maps, folded
        if folded:
            model.decoder.prepare_inference()

    def encode(self, images: Tensor, valid_ratio: Tensor | None) -> tuple:
        """Features and encoding of uint8 images (N, H, W, C)."""
        preprocessor = self.model.data_preprocessor
        inputs = images.permute(0, 3, 1, 2)
        if getattr(preprocessor, '_channel_conversion', False):
            inputs = inputs.flip(1)
        inputs = inputs.float()
        if getattr(preprocessor, '_enable_normalize', False):
            inputs = (inputs - preprocessor.mean) / preprocessor.std
        if isinstance(self.model, GlyphRecognizer):
            return self.model.encode(self.model.rectify(inputs)[0], valid_ratio)
        feat = self.model.extract_feat(inputs)
        return feat, self.model.encoder(feat, valid_ratio) if self.model.with_encoder else None

    def maps(self, encoding: Any) -> list[Tensor]:
        """Probabilities of the glyph maps that are wanted."""
        maps = encoding.glyph_maps.values() if self.glyph_maps else ()
        return [logits.float().softmax(1) for logits in maps]


class ParallelReader(_Reader):
    """A recognizer whose decoder has no loop: all of it."""

    def forward(self, images: Tensor, valid_ratio: Tensor | None = None) -> tuple[Tensor, ...]:
        feat, encoding = self.encode(images, valid_ratio)
        decoder = self.model.decoder
        decoded = decoder.decode(feat[-1] if encoding is None else encoding, valid_ratio)
        scores, tokens = decoded.logits['word'].float().softmax(-1).max(-1)
        alignment = [decoded.attention.float()] if decoder.aligned else []
        return (tokens, scores, *alignment, *self.maps(encoding))

    def output_names(self, outputs: Sequence[Tensor]) -> list[str]:
        alignment = ['alignment'] * self.model.decoder.aligned
        return ['tokens', 'scores', *alignment, *_MAPS[:len(outputs) - 2 - len(alignment)]]


class LoopFront(_Reader):
    """What comes before the loop: cache, first state and start token of the decoder, flattened.

    What is no tensor in them is the step's own; so are its weights, if they are folded.
    """

    cache: Any = None  # those of the last call
    state: Any = None

    def forward(self, images: Tensor, valid_ratio: Tensor | None = None) -> tuple[Tensor, ...]:
        decoder = self.model.decoder
        feat, encoding = self.encode(images, valid_ratio)
        if not self.folded:
            decoder.prepare_inference()  # as part of what is traced
        self.cache = decoder.prepare(feat[-1] if encoding is None else encoding, valid_ratio)
        self.state = decoder.start(self.cache)
        ended = torch.zeros(images.shape[0], dtype=torch.bool)
        return (*self.cached(), *tensors(self.state), ended, *self.maps(encoding))

    def cached(self) -> list[Tensor]:
        return tensors(self.cache, not self.folded)

    def output_names(self, outputs: Sequence[Tensor]) -> list[str]:
        cache, state = len(self.cached()), len(tensors(self.state))
        return ([f'{_CACHE}{i}' for i in range(cache)] + [f'state_{i}' for i in range(state)]
                + ['ended'] + _MAPS[:len(outputs) - cache - state - 1])


class LoopStep(nn.Module):
    """One step of a decoder; ``front`` has run once, outside of a trace."""

    def __init__(self, front: LoopFront) -> None:
        super().__init__()
        self.decoder = front.model.decoder
        self.cache, self.state = front.cache, front.state
        self.cached, self.opened = len(front.cached()), not front.folded

    def forward(self, t: Tensor, *given: Tensor) -> tuple[Tensor, ...]:
        cache = rebuilt(self.cache, given[:self.cached], self.opened)
        state, fed = rebuilt(self.state, given[self.cached:-1])
        state, logits, _ = self.decoder.step(cache, state, fed, t)
        fed = self.decoder.feed_back(logits)
        score, token = logits['word'].float().softmax(-1).max(-1)
        ended = torch.logical_or(given[-1], token == self.decoder.dictionary.end_idx)
        going_on = torch.logical_not(ended).any()
        # A character that is carried on and given out would have one name for both.
        return (going_on, *tensors((state, fed)), ended, token + 0, score)


def tensors(tree: Any, opened: bool = False) -> list[Tensor]:
    """The tensors in nested tuples and dictionaries, ``opened`` in step weights as well, in order.
    """
    leaves = tree_flatten(tree)[0]
    if opened:
        leaves = [value for leaf in leaves for value in (
            vars(leaf).values() if isinstance(leaf, StepWeights) else [leaf])]
    return [leaf for leaf in leaves if isinstance(leaf, Tensor)]


def rebuilt(like: Any, values: Sequence[Tensor], opened: bool = False) -> Any:
    """Nested tuples and dictionaries like the given ones, of other tensors."""
    rest = iter(values)

    def new(leaf: Any) -> Any:
        if opened and isinstance(leaf, StepWeights):
            return type(leaf)(*map(new, vars(leaf).values()))
        return next(rest) if isinstance(leaf, Tensor) else leaf

    return tree_map(new, like)


def _traced(module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str],
            outputs: Sequence[str], axes: dict, opset: int,
            folded: bool = True) -> onnx.ModelProto:
    """PyTorch's exporter that traces; newer versions have another one by default."""
    # As for training, normalizations are not made a part of convolutions.
    options = {} if folded else dict(training=torch.onnx.TrainingMode.PRESERVE)
    if 'dynamo' in inspect.signature(torch.onnx.export).parameters:
        options['dynamo'] = False
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # They concern shapes that are compared while tracing, and the exporter's age.
        warnings.simplefilter('ignore')
        torch.onnx.export(module, tuple(inputs), buffer, input_names=list(names),
                          output_names=list(outputs), dynamic_axes=axes, opset_version=opset,
                          do_constant_folding=folded, **options)
    return onnx.load_from_string(buffer.getvalue())


def _add_loop(graph: onnx.GraphProto, step: onnx.GraphProto, steps: int) -> None:
    """Put the loop after what comes before it, in place."""
    carried = [value.name for value in graph.output
               if value.name.startswith('state_') or value.name == 'ended']
    graph.initializer.extend([helper.make_tensor('steps', TensorProto.INT64, [], [steps]),
                              helper.make_tensor('go_on', TensorProto.BOOL, [], [True])])
    graph.initializer.extend(step.initializer)
    del step.initializer[:]
    graph.node.append(helper.make_node(
        'Loop', ['steps', 'go_on', *carried],
        [f'last_{name}' for name in carried] + ['tokens_by_step', 'scores_by_step'],
        name='read', body=step))
    kept = [value for value in graph.output if value.name in _MAPS]
    del graph.output[:]
    for name, kind in (('tokens', TensorProto.INT64), ('scores', TensorProto.FLOAT)):
        graph.node.append(helper.make_node('Transpose', [f'{name}_by_step'], [name],
                                           name=f'{name}_of_words', perm=[1, 0]))
        graph.output.append(helper.make_tensor_value_info(name, kind, ['batch', 'steps_read']))
    graph.output.extend(kept)


def _step_graph(front: LoopFront, names: Sequence[str], example: Sequence[Tensor],
                opset: int) -> onnx.GraphProto:
    """The body of the loop; it takes its cache by name from the graph around it."""
    values = {name.removeprefix(_STEP): value for name, value in zip(names, example)
              if name not in _MAPS}
    carried = [name for name in values if not name.startswith('cache_')]
    given = [torch.tensor(1), *values.values()]
    inputs = ['t', *values]
    outputs = ['going_on', *(f'next_{name}' for name in carried), 'token', 'score']
    # Every axis may vary: which of them are the batch, or depend on a width, is left open.
    axes = {name: {axis: f'{name}_{axis}' for axis in range(value.dim())}
            for name, value in zip(inputs, given) if value.dim()}
    step = _traced(LoopStep(front).eval(), given, inputs, outputs, axes, opset,
                   front.folded).graph
    compose.add_prefix_graph(step, _STEP, inplace=True)
    taken = {value.name: value for value in step.input}
    body_inputs = [helper.make_tensor_value_info(_STEP + 't', TensorProto.INT64, []),
                   helper.make_tensor_value_info(_STEP + 'go_on', TensorProto.BOOL, [])]
    for name in carried:
        kind = helper.np_dtype_to_tensor_dtype(values[name].numpy().dtype)
        body_inputs.append(taken.get(_STEP + name) or helper.make_tensor_value_info(
            _STEP + name, kind, None))
    return helper.make_graph(list(step.node), 'step', body_inputs, list(step.output),
                             list(step.initializer))

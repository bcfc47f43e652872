"""What plug-ins need to know of a recogniser: its feature map, its classifier, its attention.

N batch, D channels, (h, w) the map that the attention reads, P = h * w positions, T steps, K
classes.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Callable

import torch
from mmengine.model import BaseModule
from mmocr.models.common.dictionary import Dictionary
from mmocr.models.textrecog.decoders import (
    ABIFuser,
    ASTERDecoder,
    MasterDecoder,
    NRTRDecoder,
    ParallelSARDecoder,
    RobustScannerFuser,
    SequentialSARDecoder,
)
from mmocr.registry import TASK_UTILS
from torch import Tensor, nn
from torch.nn import functional as F

from ..decoders import (
    ImplicitAttentionDecoder,
    SIGADecoder,
    SIGAParallelDecoder,
    SRNDecoder,
)
from ..pseudo_labels.functional import at_least_float32
from .sites import Call, Site, find_module

Calls = Mapping[str, Sequence[Call]]
Size = tuple[int, int]


@TASK_UTILS.register_module()
class ModuleTap:
    """Finds feature map, classifier and attention of a recogniser by the paths of its modules.

    A site is a path, whose module's output is meant, or a dict of ``path``, ``source`` ('output' or
    'input') and ``index``; see :class:`~mmocr_siga.models.plugins.sites.Site`.

    Args:
        feature (str or dict): The map that the attention reads, (N, D, h, w), or a sequence
            (N, P, D).
        classifier (str): Path of a module that takes (..., D) to logits (..., K).
        attention (str or dict, optional): The attention, as (N, T, h, w), (N, T, P) or, per head,
            (N, heads, T, P), the mean of whose heads is taken; if its module is called once a step,
            N * P numbers a call. Defaults to None: there is none to be seen.
        scores (bool): Whether the attention is still without its softmax over positions. Defaults
            to False.
        mask_padding (bool): Whether the recogniser leaves padding out of that softmax. Defaults to
            False.
        skip_steps (int): Steps before that of the first character. Defaults to 0.
        size_like (str or dict, optional): A map (N, *, h, w) that tells the rows of a sequence.
            Defaults to None: a sequence is one row.
        dictionary (str): Path of the dictionary. Defaults to 'decoder.dictionary'.
    """

    def __init__(self,
                 feature: str | dict,
                 classifier: str,
                 attention: str | dict | None = None,
                 scores: bool = False,
                 mask_padding: bool = False,
                 skip_steps: int = 0,
                 size_like: str | dict | None = None,
                 dictionary: str = 'decoder.dictionary') -> None:
        self.feature_site = Site.of(feature)
        self.classifier = classifier
        self.attention_site = None if attention is None else Site.of(attention)
        self.scores = scores
        self.mask_padding = mask_padding
        self.skip_steps = skip_steps
        self.size_site = None if size_like is None else Site.of(size_like)
        self.dictionary_path = dictionary

    def check(self, recognizer: BaseModule) -> None:
        """Raise a ValueError that names what the recogniser does not have."""
        for path in (*self.paths(False), self.classifier):
            find_module(recognizer, path)

    def paths(self, attention: bool) -> list[str]:
        """Modules to watch, with those of the attention or without.

        Raises:
            ValueError: If there is no attention to be seen.
        """
        sites = [self.feature_site, self.size_site]
        if attention:
            if self.attention_site is None:
                raise ValueError('a plug-in needs the attention of the recogniser, and the tap '
                                 'does not tell where it is: set attention in the tap')
            sites.append(self.attention_site)
        return [site.path for site in sites if site is not None]

    def dictionary(self, recognizer: BaseModule) -> Dictionary:
        """The dictionary of the recogniser."""
        return reduce(getattr, self.dictionary_path.split('.'), recognizer)

    def feature(self, calls: Calls) -> Tensor:
        """The map that the attention read, (N, D, h, w)."""
        return self.as_map(_last(self.feature_site, calls), calls)

    def as_map(self, value: Tensor, calls: Calls) -> Tensor:
        """A sequence (N, P, D) as a map; a map as it is."""
        if value.dim() == 4:
            return value
        if value.dim() != 3:
            raise ValueError(f'the {self.feature_site} must be (N, D, h, w) or (N, P, D), but is '
                             f'{tuple(value.shape)}')
        rows, columns = 1, value.shape[1]
        if self.size_site is not None:
            rows, columns = _last(self.size_site, calls).shape[-2:]
        if rows * columns != value.shape[1]:
            raise ValueError(f'the {self.feature_site} has {value.shape[1]} positions and the '
                             f'{self.size_site} is {rows} x {columns}: check the tap')
        return value.transpose(1, 2).unflatten(2, (rows, columns))

    def classify(self, recognizer: BaseModule, positions: Tensor) -> Tensor:
        """Logits (N, P, K) of feature vectors (N, P, D), by the recogniser's own classifier.

        Raises:
            ValueError: If the classifier does not take feature vectors of this size.
        """
        return _classify(recognizer, self.classifier, positions)

    def attention(self, recognizer: BaseModule, calls: Calls, size: Size,
                  valid: Tensor | None) -> Tensor:
        """The attention of the steps that read characters, (N, T, h, w).

        Args:
            recognizer (BaseModule): The recogniser.
            calls (Mapping): What was recorded.
            size (tuple[int, int]): Size of the map.
            valid (Tensor, optional): (N, w) bool, False where a column is padding.
        """
        values = [self.attention_site.read(call) for call in calls[self.attention_site.path]]
        if not values:
            raise ValueError(f'the module {self.attention_site.path!r} was not called: check the '
                             'tap')
        maps = torch.cat([_as_maps(value, size, len(values) > 1) for value in values], 1)
        if self.scores:
            maps = at_least_float32(maps)
            if self.mask_padding and valid is not None:
                maps = maps.masked_fill(~valid[:, None, None], float('-inf'))
            maps = maps.flatten(2).softmax(-1).unflatten(2, size)
        return maps[:, self.skip_steps:]


class SARTap(ModuleTap):
    """SAR, parallel and sequential.

    The prediction layer takes hidden state, glimpse and holistic feature one after the other. Of
    its weights those of the glimpse are the classifier of a position; the rest has no counterpart
    there.
    """

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__(_decoder_input(0), 'decoder.prediction', 'decoder.conv1x1_2', scores=True,
                         mask_padding=decoder.mask,
                         skip_steps=int(isinstance(decoder, ParallelSARDecoder)))

    def classify(self, recognizer: BaseModule, positions: Tensor) -> Tensor:
        """See the class."""
        decoder = recognizer.decoder
        weight, channels = decoder.prediction.weight, positions.shape[-1]
        start = _sar_hidden_size(decoder) if decoder.pred_concat else 0
        return F.linear(positions, weight[:, start:start + channels], decoder.prediction.bias)


class RobustScannerTap(ModuleTap):
    """RobustScanner: a position is classified as if both branches attended to it alone.

    The attention is the sequence branch's; it is computed again from what its layer took, which
    hands on glimpses only.
    """

    def __init__(self, decoder: nn.Module) -> None:
        value = 1 if decoder.hybrid_decoder.encode_value else 0
        super().__init__(_decoder_input(value), 'decoder.prediction',
                         dict(path='decoder.hybrid_decoder.attention_layer', source='input'))

    def classify(self, recognizer: BaseModule, positions: Tensor) -> Tensor:
        """See the class."""
        decoder = recognizer.decoder
        fused = decoder.glu_layer(decoder.linear_layer(torch.cat([positions, positions], -1)))
        return decoder.prediction(fused)

    def attention(self, recognizer: BaseModule, calls: Calls, size: Size,
                  valid: Tensor | None) -> Tensor:
        """See the class."""
        query, key, _, mask = calls[self.attention_site.path][-1].args
        scale = recognizer.decoder.hybrid_decoder.attention_layer.scale
        scores = at_least_float32(query.transpose(1, 2) @ key * scale)
        if mask is not None:
            scores = scores.masked_fill(mask[:, None], float('-inf'))
        return scores.softmax(-1).unflatten(2, size)


class SIGATap(ModuleTap):
    """This package's attention decoders, over the context of a ``SIGAEncoder``.

    Where there are two, one a scale, a position's logits are the mean of both classifiers'; the
    attention is the finer scale's.
    """

    def __init__(self, decoder: nn.Module) -> None:
        self.cells = ('decoder.cell', )
        if isinstance(decoder, SIGADecoder):
            self.cells = tuple(f'decoder.branches.{scale}' for scale in decoder.branches)
        cell = 'decoder.branches.fine' if len(self.cells) > 1 else self.cells[0]
        super().__init__(dict(path='encoder', index='context'), f'{cell}.classifier', cell)

    def classify(self, recognizer: BaseModule, positions: Tensor) -> Tensor:
        """See the class."""
        logits = [_classify(recognizer, f'{cell}.classifier', positions) for cell in self.cells]
        return torch.stack(logits).mean(0)

    def attention(self, recognizer: BaseModule, calls: Calls, size: Size,
                  valid: Tensor | None) -> Tensor:
        """See the class."""
        _, steps = calls[self.attention_site.path][-1].output
        return _as_maps(steps.attention, size, False)


def _decoder_input(index: int) -> Site:
    return Site('decoder', 'input', index)


def _aster(decoder: nn.Module) -> ModuleTap:
    return ModuleTap(_decoder_input(1), 'decoder.fc', 'decoder.proj_sum', scores=True)


def _transformer(decoder: nn.Module) -> ModuleTap:
    # What the dropout of the last layer takes: the attention before any of it is dropped.
    attention = Site('decoder.layer_stack.-1.enc_attn.attention.dropout', 'input')
    return ModuleTap(_decoder_input(1), 'decoder.classifier', attention,
                     size_like=_decoder_input(0))


def _master(decoder: nn.Module) -> ModuleTap:
    return ModuleTap('decoder.feat_positional_encoding', 'decoder.cls',
                     Site('decoder.decoder_layers.-1.attentions.1.attn', index=1),
                     size_like='backbone')


def _abinet(decoder: nn.Module) -> ModuleTap:
    return ModuleTap(_decoder_input(1), 'decoder.vision_decoder.cls',
                     Site('decoder.vision_decoder', index='attn_scores'))


def _siga_p(decoder: nn.Module) -> ModuleTap:
    if decoder.visual is None:
        raise ValueError('this SIGAParallelDecoder has no visual part, and so no attention for a '
                         'plug-in to look at: build it with visual=dict(...)')
    return ModuleTap(Site('decoder.visual.key', 'input'), 'decoder.source_classifiers.visual',
                     Site('decoder.visual', index='attention'))


def _srn(decoder: nn.Module) -> ModuleTap:
    # What PVAM's keys are made of, with a Transformer before them or without.
    return ModuleTap(Site('decoder.pvam.key', 'input'), 'decoder.gsrm.classifier',
                     Site('decoder.pvam', index='attention'),
                     size_like=Site('decoder.pvam', 'input'))


KNOWN: dict[type, Callable[[nn.Module], ModuleTap]] = {
    ParallelSARDecoder: SARTap,
    SequentialSARDecoder: SARTap,
    ASTERDecoder: _aster,
    NRTRDecoder: _transformer,
    MasterDecoder: _master,
    RobustScannerFuser: RobustScannerTap,
    ABIFuser: _abinet,
    SIGADecoder: SIGATap,
    ImplicitAttentionDecoder: SIGATap,
    SIGAParallelDecoder: _siga_p,
    SRNDecoder: _srn,
}


def tap_for(recognizer: BaseModule) -> ModuleTap:
    """The tap of a recogniser whose decoder is known.

    Args:
        recognizer (BaseModule): A recogniser with a ``decoder``.

    Raises:
        ValueError: If it is none of those known; tells what to do.
    """
    decoder = getattr(recognizer, 'decoder', None)
    for kind, tap in KNOWN.items():
        if isinstance(decoder, kind):
            return tap(decoder)
    raise ValueError(
        f'no tap is known for the decoder {type(decoder).__name__}; known are '
        f'{", ".join(kind.__name__ for kind in KNOWN)}. Tell where the feature map and the '
        "classifier of this recogniser are: tap=dict(type='ModuleTap', feature='encoder', "
        "classifier='decoder.fc')")


def _sar_hidden_size(decoder: nn.Module) -> int:
    """Channels of the hidden state, which comes first in what the prediction layer takes."""
    query = decoder.conv1x1_1
    return query.in_features if isinstance(query, nn.Linear) else query.in_channels


def _classify(recognizer: BaseModule, path: str, positions: Tensor) -> Tensor:
    classifier = find_module(recognizer, path)
    wanted = getattr(classifier, 'in_features', positions.shape[-1])
    if wanted != positions.shape[-1]:
        raise ValueError(
            f'the classifier {path!r} takes {wanted} channels and the map that the attention '
            f'reads has {positions.shape[-1]}: build the recogniser with equal sizes')
    return classifier(positions)


def _last(site: Site, calls: Calls) -> Tensor:
    if not calls.get(site.path):
        raise ValueError(f'the module {site.path!r} was not called: check the tap')
    return site.read(calls[site.path][-1])


def _as_maps(value: Tensor, size: Size, one_step: bool) -> Tensor:
    """An attention in any of the shapes that :class:`ModuleTap` lists, as (N, T, h, w)."""
    batch, positions = len(value), size[0] * size[1]
    if one_step or value.numel() == batch * positions:
        if value.numel() != batch * positions:
            raise ValueError(f'an attention step of shape {tuple(value.shape)} does not fit a map '
                             f'of {size[0]} x {size[1]}: check the tap')
        return value.reshape(batch, 1, *size)
    if value.dim() == 5 and value.shape[-1] == 1:
        value = value.squeeze(-1)
    if value.dim() == 4 and tuple(value.shape[-2:]) != tuple(size):
        value = value.mean(1)
    if value.dim() == 3 and value.shape[-1] == positions:
        value = value.unflatten(2, size)
    if value.dim() != 4 or tuple(value.shape[-2:]) != tuple(size):
        raise ValueError(f'an attention of shape {tuple(value.shape)} does not fit a map of '
                         f'{size[0]} x {size[1]}: check the tap')
    return value

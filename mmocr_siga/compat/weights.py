"""Weights that fit a model, or a message that says why they do not."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from torch import Tensor, nn

from .checkpoint import UNSAFE_ENV
from .configs import weights_of as packaged_weights

# Parts that reading does not need: they may be in the model and not in the weights, or vice versa.
TRAINING_ONLY = ('glyph_head.', 'decoder.module_loss.')
SHOWN = 4


class WeightsMismatchError(ValueError):
    """Weights are of another model or another dictionary."""


class Mismatch(NamedTuple):
    """How weights differ from what a model needs; all three are empty if they fit."""

    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]  # in the weights, in the model
    missing: list[str]  # tensors that only the model has
    unexpected: list[str]  # tensors that only the weights have

    def __str__(self) -> str:
        """The first differences, a line each."""
        shapes = [f'{name}: {given} in the weights, {own} in the model'
                  for name, (given, own) in self.shapes.items()]
        out = ''
        for what, names in (('tensors have another shape', shapes),
                            ('tensors are not in the weights', self.missing),
                            ('tensors are not in the model', self.unexpected)):
            if names:
                more = [f'... and {len(names) - SHOWN} more'] if len(names) > SHOWN else []
                shown = ''.join(f'  {name}\n' for name in names[:SHOWN] + more)
                out += f'{len(names)} {what}:\n{shown}'
        return out


def weights_of(checkpoint: Any, source: str) -> dict[str, Tensor]:
    """The tensors in a checkpoint by their names, without a leading ``module.``.

    The checkpoint is a dict with ``state_dict``, or a state dict; ``source`` names its file in
    messages.

    Raises:
        ValueError: If it holds no weights where they are expected; says what it holds.
    """
    weights = checkpoint
    if isinstance(checkpoint, Mapping) and 'state_dict' in checkpoint:
        weights = checkpoint['state_dict']
    if not isinstance(weights, Mapping):
        raise ValueError(f'{source} holds no weights but {type(weights).__name__}')
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        hint = ''
        if isinstance(weights.get('net'), Mapping):
            hint = ("; with its weights under 'net' it is one of the reference's: convert it by "
                    'tools/convert_reference_weights.py')
        raise ValueError(f'{source} holds no state_dict; its keys are '
                         f'{[str(key) for key in list(weights)[:8]]}{hint}')
    if all(name.startswith('module.') for name in weights):
        return {name[len('module.'):]: value for name, value in weights.items()}
    return dict(weights)


def compare_weights(model: nn.Module, weights: Mapping[str, Tensor],
                    training_only: Sequence[str] = TRAINING_ONLY) -> Mismatch:
    """Compare weights with a model, leaving aside names that begin as ``training_only`` tells."""
    own, given = ({name: value for name, value in state.items()
                   if not name.startswith(tuple(training_only))}
                  for state in (model.state_dict(), weights))
    shapes = {name: (tuple(given[name].shape), tuple(value.shape)) for name, value in own.items()
              if name in given and given[name].shape != value.shape}
    # Old checkpoints lack this counter, which reading does not use.
    missing = [name for name in own
               if name not in given and not name.endswith('num_batches_tracked')]
    return Mismatch(shapes, missing, [name for name in given if name not in own])


def check_inferencers(module: ModuleType) -> None:
    """MMEngine's inferencers do not take the config out of a checkpoint, nor weights of others."""
    inferencer = module.BaseInferencer
    init_model, load = inferencer._init_model, inferencer._load_weights_to_model

    @wraps(init_model)
    def init_from_config(self: Any, cfg: Any, weights: str | None, *args: Any,
                         **kwargs: Any) -> nn.Module:
        if not cfg and os.environ.get(UNSAFE_ENV) != '1':
            raise ValueError(
                f'{type(self).__name__} got weights without a model. It would take the config out '
                f'of {weights}, where it is Python code, which is not run: give the config that '
                'the weights were trained with, too')
        self._weights_name = weights = weights or packaged_weights(Path(cfg.filename or ''))
        return init_model(self, cfg, weights, *args, **kwargs)

    @wraps(load)
    def load_fitting(self: Any, model: nn.Module, checkpoint: Any, cfg: Any) -> None:
        if checkpoint is not None:
            _check_fit(model, checkpoint, self._weights_name)
        load(self, model, checkpoint, cfg)

    inferencer._init_model = init_from_config
    inferencer._load_weights_to_model = load_fitting


def check_tests(module: ModuleType) -> None:
    """``Runner.test`` refuses weights that do not fit its model."""
    load, test = module._load_checkpoint_to_model, module.Runner.test
    tested: list[str] = []  # files that are tested now

    def load_fitting(model: nn.Module, checkpoint: Any, *args: Any, **kwargs: Any) -> Any:
        if tested:  # training may start from other models
            _check_fit(getattr(model, 'module', model), checkpoint, tested[-1])
        return load(model, checkpoint, *args, **kwargs)

    @wraps(test)
    def test_fitting(self: Any) -> dict:
        tested.append(str(self._load_from))
        try:
            return test(self)
        finally:
            tested.pop()

    module._load_checkpoint_to_model, module.Runner.test = load_fitting, test_fitting


def _check_fit(model: nn.Module, checkpoint: Any, source: str) -> None:
    misfit = compare_weights(model, weights_of(checkpoint, source), (*TRAINING_ONLY, 'plugins.'))
    misfit = misfit._replace(unexpected=[])
    if any(misfit):
        raise WeightsMismatchError(
            f'{source} does not fit the model. {misfit}The weights are of another model: use the '
            'config that they were trained with, or weights of this one.')

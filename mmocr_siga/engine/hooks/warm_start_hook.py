"""Weights of an earlier stage for a training that begins."""
from __future__ import annotations

import os
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmocr.registry import HOOKS

__all__ = ['WarmStartHook']


@HOOKS.register_module()
class WarmStartHook(Hook):
    """Start a training from the weights of an earlier one; leave a resumed training alone.

    MMEngine's ``load_from`` serves two ends: with ``--resume``, it is the checkpoint that is
    resumed. A config that names there what its first stage has left would, when resumed, go back
    to that stage, with its optimiser and iteration. This hook looks at the file only where a
    training begins: not when one is resumed, nor in testing, nor where ``load_from`` is given,
    which takes its place. The file cannot run code.

    All weights of the model must be in the file, those of the training head included. To begin
    from a part of them, or from another set of characters, use ``load_from``.

    Args:
        checkpoint (str, optional): Path or address of a checkpoint of the same model; None starts
            from the weights that the model was initialised with.
    """

    # After EMAHook and whatever else prepares a model, before any that look at its weights.
    priority = 'HIGH'

    def __init__(self, checkpoint: str | None) -> None:
        self.checkpoint = checkpoint
        self._loaded = False

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        """Take note that the weights come from elsewhere."""
        self._loaded = True

    def before_train(self, runner: Any) -> None:
        """Load the weights.

        Raises:
            FileNotFoundError: If there is no such file; says what to do.
            ValueError: If the file holds no weights.
            WeightsMismatchError: If the weights are of another model or dictionary.
        """
        if self._loaded or self.checkpoint is None:
            return
        # Not at the top: the readers of mmocr_siga.apis build on this package.
        from mmocr_siga.models.utils.weights import load_weights
        path = os.path.expanduser(self.checkpoint)
        if '://' not in path and not os.path.isfile(path):
            raise FileNotFoundError(
                f'this training starts from the weights of another, and there are none at '
                f'{self.checkpoint!r} ({os.path.abspath(path)}): run the first stage, or set '
                'default_hooks.warm_start.checkpoint, or the environment variable that the config '
                'reads it from, to a checkpoint of it; '
                'default_hooks.warm_start.checkpoint=None starts without')
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        load_weights(model, path, training_only=())
        runner.logger.info(f'Training starts from the weights of {self.checkpoint}')

from __future__ import annotations

import os
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmocr.registry import HOOKS

from mmocr_siga.models.utils.weights import load_weights


@HOOKS.register_module()
class WarmStartHook(Hook):
    """Start a training from the weights of an earlier one; leave a resumed training alone.

    MMEngine's ``load_from`` is, with ``--resume``, the checkpoint that is resumed. This hook looks
    at its file only where a training begins: not when one is resumed, nor in testing, nor where
    ``load_from`` is given, which takes its place.

    Args:
        checkpoint: Path or address; None starts from the weights of the initialization.
        parts: Prefix in the model -> prefix in the file, such as ``{'backbone':
            'student.backbone'}``; '' stands for all. Each part must be whole in the file. None: all
            weights of the model, those of the training head included, must be in the file, and no
            others. To begin from another set of characters, use ``load_from``.
    """

    # After EMAHook and whatever else prepares a model, before any that look at its weights.
    priority = 'HIGH'

    def __init__(self, checkpoint: str | None, parts: dict[str, str] | None = None) -> None:
        self.checkpoint = checkpoint
        self.parts = parts
        self._loaded = False

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        self._loaded = True

    def before_train(self, runner: Any) -> None:
        if self._loaded or self.checkpoint is None:
            return
        path = os.path.expanduser(self.checkpoint)
        if '://' not in path and not os.path.isfile(path):
            raise FileNotFoundError(
                f'this training starts from the weights of another, and there are none at '
                f'{self.checkpoint!r} ({os.path.abspath(path)}): run the first stage, or set '
                'default_hooks.warm_start.checkpoint to a checkpoint of it; '
                'default_hooks.warm_start.checkpoint=None starts without')
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        count = load_weights(model, path, training_only=(), parts=self.parts)
        runner.logger.info(f'Training starts from {count:,} of {len(model.state_dict()):,} tensors '
                           f'of {self.checkpoint}' + (f': {self.parts}' if self.parts else ''))

from __future__ import annotations

from typing import Any

from mmengine.hooks import RuntimeInfoHook
from mmocr.registry import HOOKS
from torch import Tensor

from ..logging import update_later


@HOOKS.register_module()
class DeferredRuntimeInfoHook(RuntimeInfoHook):
    """MMEngine's ``RuntimeInfoHook``, but no step waits until its losses are known.

    They are read when a log line is written, all those of an interval at once. The log says the
    same. ``default_hooks = dict(runtime_info=dict(type='DeferredRuntimeInfoHook'))``.
    """

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        for key, value in (outputs or {}).items():
            if isinstance(value, Tensor):
                update_later(runner.message_hub, f'train/{key}', value)
            else:
                runner.message_hub.update_scalar(f'train/{key}', value)

from __future__ import annotations

from operator import attrgetter
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmocr.registry import HOOKS
from torch import nn


@HOOKS.register_module()
class LossScheduleHook(Hook):
    """Sets attributes of the model at given iterations, for example the weight of a loss.

    What holds is worked out from the iteration alone, so a resumed run goes on as if it had never
    stopped.

    Args:
        schedule: For each attribute, as a dotted path from the model, the values and the iteration
            from which each holds: ``{'glyph_head.loss_alignment.loss_weight': {20000: 0.3}}``.
    """

    def __init__(self, schedule: dict[str, dict[int, Any]]) -> None:
        for path, values in schedule.items():
            if any(int(begin) < 0 for begin in values):
                raise ValueError(f'{path}: iterations count from 0, got {sorted(values)}')
        # Keys of a dict arrive as strings from JSON and YAML configs.
        self.schedule = {path: sorted((int(begin), value) for begin, value in values.items())
                         for path, values in schedule.items()}

    def before_train(self, runner: Any) -> None:
        """Check the paths, and bring a resumed model up to date."""
        for path in self.schedule:
            _owner(runner.model, path)
        self._apply(runner, since=0)

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._apply(runner, since=runner.iter)

    def _apply(self, runner: Any, since: int) -> None:
        for path, values in self.schedule.items():
            due = [(begin, value) for begin, value in values if since <= begin <= runner.iter]
            if due:
                begin, value = due[-1]
                setattr(*_owner(runner.model, path), value)
                runner.logger.info(f'from iteration {begin}: {path} = {value}')


def _owner(model: nn.Module, path: str) -> tuple[Any, str]:
    """The object that has the attribute at the end of a path, and the attribute's name."""
    model = model.module if is_model_wrapper(model) else model
    try:
        attrgetter(path)(model)
    except AttributeError as error:
        raise AttributeError(f'LossScheduleHook: the model has no {path!r}: {error}') from error
    owner, _, name = path.rpartition('.')
    return attrgetter(owner)(model) if owner else model, name

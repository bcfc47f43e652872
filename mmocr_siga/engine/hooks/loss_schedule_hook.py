from typing import Any, Optional

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmocr.registry import HOOKS
from torch import nn


@HOOKS.register_module()
class LossScheduleHook(Hook):
    """Sets attributes of the model at given iterations, for example the weight of a loss.

    SIGA changes the weight of its alignment losses and begins to drop samples of noisy text masks
    after 20,000 iterations. What holds is worked out from the iteration alone, so a resumed run
    goes on as if it had never stopped.

    Args:
        schedule (dict[str, dict[int, Any]]): For each attribute, as a dotted path from the model,
            the values and the iteration from which each holds. Before the first one the attribute
            is as it was built. Example:
            ``{'glyph_head.loss_alignment.loss_weight': {20000: 0.3}}``.

    Raises:
        ValueError: If an iteration is negative.
        AttributeError: Before training, if the model has no such attribute.
    """

    priority = 'NORMAL'

    def __init__(self, schedule: dict[str, dict[int, Any]]) -> None:
        for path, values in schedule.items():
            if any(int(begin) < 0 for begin in values):
                raise ValueError(f'{path}: iterations count from 0, got {sorted(values)}')
        # Keys of a dict arrive as strings from JSON and YAML configs.
        self.schedule = {path: sorted((int(begin), value) for begin, value in values.items())
                         for path, values in schedule.items()}

    def before_train(self, runner) -> None:
        """Check the paths, and bring a resumed model up to date."""
        for path in self.schedule:
            owner, name = self._owner(runner.model, path)
            if not hasattr(owner, name):
                raise AttributeError(f'LossScheduleHook: the model has no {path!r}; '
                                     f'{type(owner).__name__} has no attribute {name!r}')
        self._apply(runner, upto=runner.iter)

    def before_train_iter(self, runner, batch_idx: int, data_batch: Optional[dict] = None) -> None:
        """Set what begins at this iteration."""
        self._apply(runner, upto=runner.iter, since=runner.iter)

    def _apply(self, runner, upto: int, since: int = 0) -> None:
        for path, values in self.schedule.items():
            due = [(begin, value) for begin, value in values if since <= begin <= upto]
            if due:
                begin, value = due[-1]
                owner, name = self._owner(runner.model, path)
                setattr(owner, name, value)
                runner.logger.info(f'from iteration {begin}: {path} = {value}')

    @staticmethod
    def _owner(model: nn.Module, path: str) -> tuple:
        owner = model.module if is_model_wrapper(model) else model
        *parents, name = path.split('.')
        for parent in parents:
            if not hasattr(owner, parent):
                raise AttributeError(f'LossScheduleHook: the model has no {path!r}; '
                                     f'{type(owner).__name__} has no attribute {parent!r}')
            owner = getattr(owner, parent)
        return owner, name

from __future__ import annotations

import math
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmocr.registry import HOOKS


@HOOKS.register_module()
class TeacherHook(Hook):
    """Lets the teacher of a pre-training method follow its student, after each step of the
    optimizer: ``model.update_teacher(m)``.

    The momentum m rises along half a cosine from ``momentum`` in the first iteration to ``end`` in
    the last. It is worked out from the iteration alone, so a resumed run goes on as if it had never
    stopped. Not MMEngine's ``EMAHook``, which swaps weights into checkpoints.
    """

    def __init__(self, momentum: float = 0.9995, end: float = 1.0) -> None:
        if not 0 <= momentum <= end <= 1:
            raise ValueError('momentum and end must be in order in [0, 1], but are '
                             f'{momentum} and {end}')
        self.momentum, self.end = momentum, end

    def before_train(self, runner: Any) -> None:
        if not hasattr(_unwrapped(runner.model), 'update_teacher'):
            raise TypeError(f'TeacherHook: {type(_unwrapped(runner.model)).__name__} has no '
                            'update_teacher(momentum): it is for methods of pre-training')

    def momentum_at(self, iteration: int, iterations: int) -> float:
        """m of an iteration, from 0, of so many."""
        rest = (1 + math.cos(math.pi * iteration / iterations)) / 2
        return self.end - (self.end - self.momentum) * rest

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        # Gradients may be accumulated over several iterations.
        if runner.optim_wrapper.should_update():
            _unwrapped(runner.model).update_teacher(self.momentum_at(runner.iter, runner.max_iters))


def _unwrapped(model: Any) -> Any:
    return model.module if is_model_wrapper(model) else model

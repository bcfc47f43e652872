"""Validation on what is there."""
from __future__ import annotations

import logging
from typing import Any

from mmengine.evaluator import Evaluator
from mmengine.runner import ValLoop
from mmocr.registry import LOOPS

from ...datasets.wrappers.available_datasets import NoDatasetError


@LOOPS.register_module()
class AvailableValLoop(ValLoop):
    """``ValLoop`` that does nothing where :class:`.AvailableDatasets` may skip all of its sets.

    A training goes on without validation then, which a warning says. Arguments are those of
    ``ValLoop``.
    """

    def __init__(self, runner: Any, dataloader: Any, evaluator: Any, fp16: bool = False) -> None:
        try:
            super().__init__(runner, dataloader, evaluator, fp16)
        except NoDatasetError as error:
            runner.logger.log(logging.WARNING, f'Training without validation: {error}')
            self._runner, self.dataloader, self.evaluator = runner, None, Evaluator([])

    def run(self) -> dict:
        """Validate; no metrics where there is nothing to validate on."""
        return {} if self.dataloader is None else super().run()

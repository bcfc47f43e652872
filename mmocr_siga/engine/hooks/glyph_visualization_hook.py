"""Pictures of how a few words are read, as a training goes on."""
from __future__ import annotations

import logging
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmocr.registry import HOOKS
from torch import nn

from mmocr_siga.inference.explain import explain_batch, picture_reader
from mmocr_siga.models.utils.feature_hooks import evaluating
from mmocr_siga.visualization.glyph_visualizer import PARTS, GlyphVisualizer, draw_sample


@HOOKS.register_module()
class GlyphVisualizationHook(Hook):
    """Every so many iterations, draw how the same few words are read.

    The sheets go to all backends of the runner's visualizer under the names ``glyphs_0_<label>``,
    ``glyphs_1_<label>``, ..., with the iteration as their step. A drawing leaves the modes of all
    modules, the state of the random generators and the threads of OpenCV as they were. In a
    distributed training the first process alone draws.

    During validation and testing it also lets a :class:`GlyphVisualizer` look at the model, so that
    MMOCR's ``VisualizationHook`` (``--show-dir``) draws complete sheets.

    Args:
        interval: Iterations between drawings; the last iteration is always drawn.
        num_words: How many words, spread evenly over the data.
        indices: Which words, instead.
        split: 'val' draws words of the validation data, 'train' of the training data, as augmented
            when the training starts.
        parts: What to draw, see :class:`GlyphVisualizer`.
    """

    priority = 'LOW'

    def __init__(self, enable: bool = True, interval: int = 500, num_words: int = 4,
                 indices: Sequence[int] | None = None, split: str = 'val',
                 parts: Sequence[str] = PARTS) -> None:
        if interval < 1 or num_words < 1:
            raise ValueError('interval and num_words must be positive, but they are '
                             f'{interval} and {num_words}')
        if split not in ('val', 'train'):
            raise ValueError(f"split must be 'val' or 'train', but is {split!r}")
        if isinstance(parts, str) or not set(parts) <= set(PARTS):
            raise ValueError(f'parts must be a list of {", ".join(PARTS)}, but is {parts!r}')
        self.enable, self.interval, self.parts = enable, interval, tuple(parts)
        self.split, self.num_words, self.indices = split, num_words, indices
        self._words: list[dict] = []
        self._drawn = -1

    def before_run(self, runner: Any) -> None:
        """Show the model to the visualizer, for MMOCR's own hook."""
        if self.enable and isinstance(runner.visualizer, GlyphVisualizer):
            runner.visualizer.reader = picture_reader(_unwrapped(runner.model), runner.cfg)

    @master_only
    def before_train(self, runner: Any) -> None:
        if not self.enable:
            return
        if self.split == 'val' and runner.val_loop is None:
            raise ValueError('GlyphVisualizationHook draws validation words, and this run has '
                             "none: set split='train'")
        dataset = getattr(runner, f'{self.split}_dataloader').dataset
        indices = self._chosen(len(dataset))
        with _untouched():
            self._words = [dataset[index] for index in indices]
        for index, word in zip(indices, self._words):
            if not isinstance(word, dict) or 'inputs' not in word:
                raise ValueError(f'word {index} of the {self.split} data cannot be loaded: choose '
                                 'others by indices')
        if not getattr(runner.visualizer, '_vis_backends', None):
            runner.logger.log(logging.WARNING, 'The visualizer has no vis_backends, so pictures of '
                              "readings go nowhere: add dict(type='LocalVisBackend')")

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        if self.enable and self.every_n_train_iters(runner, self.interval):
            self._draw(runner, runner.iter + 1)

    def after_train(self, runner: Any) -> None:
        if self.enable and self._drawn != runner.iter:
            self._draw(runner, runner.iter)

    def _draw(self, runner: Any, step: int) -> None:
        self._drawn = step
        if not is_main_process():
            return
        model = _unwrapped(runner.model)
        with _untouched(), evaluating(model):
            # Copies, which reading may write into.
            batch = pseudo_collate([{k: v.clone() for k, v in w.items()} for w in self._words])
            for name, sheet in self._sheets(model, model.data_preprocessor(batch, False)):
                runner.visualizer.add_image(name, np.ascontiguousarray(sheet[..., ::-1]), step)

    def _sheets(self, model: nn.Module, data: dict) -> Iterator[tuple[str, np.ndarray]]:
        """Names and BGR pictures of what the model makes of a batch."""
        explanations = explain_batch(model, **data)
        for i, (seen, sample) in enumerate(zip(explanations, data['data_samples'])):
            yield _name(i, sample), draw_sample(seen.image, sample, seen, self.parts)

    def _chosen(self, count: int) -> list[int]:
        if self.indices is None:
            # The middles of equal parts: the sets of a joined data set all get their share.
            wanted = min(self.num_words, count)
            return [(2 * i + 1) * count // (2 * wanted) for i in range(wanted)]
        wrong = [i for i in self.indices if not 0 <= i < count]
        if wrong:
            raise ValueError(f'there are {count} words to draw, and no number '
                             f'{", ".join(map(str, wrong))} among them: change indices')
        return list(self.indices)


def _unwrapped(model: nn.Module) -> nn.Module:
    return model.module if is_model_wrapper(model) else model


def _name(number: int, sample: Any) -> str:
    """A name that serves as a file name, too."""
    label = sample.gt_text.item if 'gt_text' in sample else ''
    return f'glyphs_{number}_{re.sub("[^0-9A-Za-z]+", "-", label)[:40]}'.rstrip('_-')


@contextmanager
def _untouched() -> Iterator[None]:
    """What happens in the block leaves random generators and OpenCV as they were."""
    states = random.getstate(), np.random.get_state()
    threads = cv2.getNumThreads()
    try:
        # Threads of OpenCV do not survive the fork of a loader's workers later on.
        cv2.setNumThreads(0)
        devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
        with torch.random.fork_rng(devices):
            yield
    finally:
        cv2.setNumThreads(threads)
        random.setstate(states[0])
        np.random.set_state(states[1])

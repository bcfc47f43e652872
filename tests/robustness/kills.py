"""Trainings that are killed, at a step or while they write, and resumed.

    reference = Trainings(folder, LOOPS['iters'])       # trains once without a stop
    for kill in kills(seed=0, count=50):
        outcome = reference.killed(kill)                # kill -9, --resume, compare
        assert outcome.problem is None

Each training is a process of its own, forked from this one, so that nothing is imported anew. All
is seeded: models with dropout, words with random noise, shuffled, an average of the weights, two
steps a gradient, a curve of learning rates.
"""
from __future__ import annotations

import builtins
import contextlib
import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.hooks import Hook
from mmocr.registry import MODELS, TRANSFORMS
from torch import nn

from tests.helpers.toy_run import ToyBackbone, build, toy_config, write_words

STEPS, EVERY = 12, 3
LOOPS = dict(
    iters=dict(max_iters=STEPS, workers=0),
    workers=dict(max_iters=STEPS, workers=2),
    epochs=dict(max_epochs=STEPS // 2, workers=1))
# What a process asks of the system while it saves.
OPERATIONS = ('write', 'fsync', 'replace', 'unlink', 'remove')


class Kill(NamedTuple):
    """Before a step ends, or in the place of a system call that changes a file."""
    step: int | None = None
    operation: int | None = None  # how many such calls before
    share: float = 0.5  # of what is written, if it is a write


class Outcome(NamedTuple):
    """What became of a run that was killed."""
    killed: bool
    saved: int  # the last step whose checkpoint was there before the kill
    resumed: int  # the step after which it went on
    problem: str | None


def kills(seed: int, count: int) -> list[Kill]:
    """Points at which to kill, every other one while something is written."""
    rng = random.Random(seed)
    return [Kill(operation=rng.randrange(20), share=rng.random()) if number % 2 else
            Kill(step=rng.randrange(1, STEPS)) for number in range(count)]


@TRANSFORMS.register_module()
class ToyNoise:
    """Draws from each of the generators that augmentation may use."""

    def __call__(self, results: dict) -> dict:
        noise = np.random.uniform(0, 20) + random.uniform(0, 20) + 20 * float(torch.rand(()))
        image = results['img'].astype(np.float32) + noise
        results['img'] = image.clip(0, 255).astype(np.uint8)
        return results


@MODELS.register_module()
class ToyDropoutBackbone(ToyBackbone):
    """Draws from the generator of the device."""

    def __init__(self) -> None:
        super().__init__()
        self.layers.append(nn.Dropout(0.3))


class _Diary(Hook):
    """Writes down what was trained on, and ends the process at its step."""

    def __init__(self, path: Path, step: int | None) -> None:
        self.path, self.step = path, step

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: Any = None) -> None:
        saved = os.path.isfile(f'{runner.work_dir}/iter_{runner.iter + 1}.pth')
        with open(self.path, 'a') as file:
            file.write(f'{runner.iter + 1} {float(outputs["loss"]).hex()} {int(saved)}\n')
        if runner.iter + 1 == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class Trainings:
    """Runs of one config in a folder; the first one is not disturbed."""

    def __init__(self, folder: Path, loop: dict[str, Any], keep: int = 1, **changes: Any) -> None:
        self.folder, self.loop, self.keep, self.changes = folder, dict(loop), keep, changes
        self.workers = self.loop.pop('workers')
        write_words(folder)
        code = self.train('whole')
        if code:
            raise RuntimeError(f'the training ended with {code}: {self.log("whole")}')
        self.curve = {step: loss for step, loss, _ in self.diary('whole')}
        self.number = 0

    def config(self, name: str) -> Any:
        config = toy_config(self.folder, name, **self.loop, param_scheduler=[
            dict(type='CosineAnnealingLR', T_max=STEPS, by_epoch=False)], **self.changes)
        config.model.backbone.type = 'ToyDropoutBackbone'
        loader = config.train_dataloader
        loader.update(num_workers=self.workers, persistent_workers=True)
        if 'max_iters' in self.loop:
            loader.sampler.shuffle = True
        loader.dataset.pipeline.insert(2, dict(type='ToyNoise'))
        config.default_hooks.checkpoint.update(
            by_epoch=False, interval=EVERY, max_keep_ckpts=self.keep)
        config.default_hooks.ema = dict(type='EMAHook', momentum=0.1)
        return config

    def train(self, name: str, kill: Kill | None = None, resume: bool = False) -> int:
        """Exit code of a process that trains, negative where a signal ended it."""
        process = multiprocessing.get_context('fork').Process(
            target=self._train, args=(name, kill or Kill(), resume))
        process.start()
        end = time.monotonic() + 120
        # Workers of a killed process live a little longer, and `join` would wait for them.
        while process.exitcode is None and time.monotonic() < end:
            process.join(0.05)
        if process.exitcode is None:
            process.kill()
            raise RuntimeError(f'a training in {self.folder} does not end')
        return process.exitcode

    def _train(self, name: str, kill: Kill, resume: bool) -> None:
        with open(self.folder / f'{name}.log', 'a') as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        torch.set_num_threads(1)
        diary = _Diary(self.folder / f'{name}.txt', kill.step)
        runner = build(self.config(name), resume=resume, hooks=[diary])
        with dying_at(kill, str(self.folder / name)):
            runner.train()

    def diary(self, name: str) -> list[tuple[int, str, bool]]:
        """Steps, their losses as written by ``float.hex``, and whether there was a checkpoint."""
        path = self.folder / f'{name}.txt'
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(step), loss, saved == '1') for step, loss, saved in map(str.split, lines)]

    def log(self, name: str) -> str:
        """The last thing that a run said."""
        return (self.folder / f'{name}.log').read_text().strip()[-500:]

    def killed(self, kill: Kill) -> Outcome:
        """Kill a run, resume it, compare it with the one that was not; it leaves no files."""
        self.number += 1
        name = f'run_{self.number}'
        killed = self.train(name, kill) == -signal.SIGKILL
        before = self.diary(name)
        saved = max((step for step, _, saved in before if saved), default=0)
        code = self.train(name, resume=True)
        after = self.diary(name)[len(before):]
        resumed = after[0][0] - 1 if after else STEPS
        problem = None
        if code:
            problem = f'not resumed ({code}): {self.log(name)}'
        elif resumed < saved:
            problem = f'step {saved} was saved, but it went on after {resumed}'
        elif wrong := [step for step, loss, _ in before + after if loss != self.curve[step]]:
            problem = f'other losses from step {wrong[0]} on'
        else:
            problem = difference(self.folder / f'whole/iter_{STEPS}.pth',
                                 self.folder / name / f'iter_{STEPS}.pth')
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return Outcome(killed, saved, resumed, problem)


def difference(one: Path, other: Path) -> str | None:
    """The first tensor of two checkpoints that differs in any bit: weights, averages, optimizer."""
    def tensors(value: Any, name: str) -> Iterator[tuple[str, torch.Tensor]]:
        if isinstance(value, torch.Tensor):
            yield name, value
        elif isinstance(value, (dict, list, tuple)):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from tensors(item, f'{name}.{key}')

    left, right = (dict(tensors({key: value for key, value in torch.load(
        path, weights_only=False).items() if key != 'message_hub'}, '')) for path in (one, other))
    if left.keys() != right.keys():
        return f'other tensors: {sorted(left.keys() ^ right.keys())[:3]}'
    return next((f'{name} differs' for name, value in left.items()
                 if not torch.equal(value, right[name])), None)


@contextlib.contextmanager
def dying_at(kill: Kill, folder: str) -> Iterator[None]:
    """The process is killed in the place of the system call that is asked for.

    Counted are those on checkpoints in the folder, whichever library makes them.
    """
    count = 0

    def due(*paths: Any) -> bool:
        nonlocal count
        ours = any(folder in str(path) and ('.pth' in str(path) or 'last_checkpoint' in str(path))
                   for path in paths)
        count += ours
        return ours and count - 1 == kill.operation

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def dying(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            paths = ([os.readlink(f'/proc/self/fd/{args[0]}')] if isinstance(args[0], int)
                     else args)
            return die() if due(*paths) else real(*args, **kwargs)
        return call

    class Written:
        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, data: Any) -> int:
            if not due(self.file.name):
                return self.file.write(data)
            self.file.write(data[:int(len(data) * kill.share)])
            self.file.flush()
            return die()

    def opened(path: Any, mode: str = 'r', *args: Any, **kwargs: Any) -> Any:
        file = real_open(path, mode, *args, **kwargs)
        return Written(file) if 'w' in mode and folder in str(path) else file

    if kill.operation is None:
        yield
        return
    real_open = builtins.open
    real = {name: getattr(os, name) for name in OPERATIONS if hasattr(os, name) and name != 'write'}
    builtins.open = opened
    for name, function in real.items():
        setattr(os, name, dying(function))
    try:
        yield
    finally:
        builtins.open = real_open
        for name, function in real.items():
            setattr(os, name, function)

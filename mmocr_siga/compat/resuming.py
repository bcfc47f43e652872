"""A training that is resumed goes on as if it had not been stopped.

What a batch looks like depends on the seed of the run and the number of the batch alone, whichever
process reads it, so that a resumed run begins where it stopped instead of reading all batches
before. The generators that the model draws from are part of the checkpoint.
"""
from __future__ import annotations

import logging
import random
import sys
from collections.abc import Iterator
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, get_world_size

from .saving import find_whole

# In `meta` of a checkpoint.
GENERATORS, GRADIENTS = 'generators', 'gradients'


class NumberedBatch:
    """Indices of a batch; while they are read random numbers are those of the batch."""

    def __init__(self, indices: list, *key: int) -> None:
        self.indices, self.key = indices, key

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator:
        before = data_generators()
        words = np.random.SeedSequence(self.key).generate_state(4)
        if 'imgaug' in sys.modules:  # first: it may draw from NumPy's
            sys.modules['imgaug'].seed(int(words[3] // 2))
        random.seed(words.tobytes())
        np.random.seed(words)
        torch.default_generator.manual_seed(int.from_bytes(words[:2].tobytes(), 'little'))
        try:
            yield from self.indices
        finally:
            set_data_generators(before)


class NumberedBatches:
    """A batch sampler whose batches know their number.

    ``passes`` over the data are complete, ``start`` batches of the next one are passed over. If
    ``endless``, one pass follows the other.
    """

    def __init__(self, batches: Any, seed: int, rank: int) -> None:
        self.batches, self.seed, self.rank = batches, seed, rank
        self.passes = self.start = 0
        self.endless = False

    def __getattr__(self, name: str) -> Any:
        if name == 'batches':
            raise AttributeError(name)
        return getattr(self.batches, name)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[NumberedBatch]:
        while True:
            number = -1
            for number, indices in enumerate(self.batches):
                if self.start:
                    self.start -= 1
                else:
                    yield NumberedBatch(indices, self.seed, self.rank, self.passes, number)
            self.passes += 1
            if not self.endless:
                return
            if number < 0:
                raise ValueError('the training data make no batch: fewer samples than batch_size, '
                                 'and drop_last=True')
            if hasattr(self.batches.sampler, 'set_epoch'):
                self.batches.sampler.set_epoch(self.passes)


def number_batches(loader: Any, seed: int | None) -> None:
    """Put :class:`NumberedBatches` into a data loader."""
    if seed is None or loader.batch_sampler is None:
        return
    vars(loader)['batch_sampler'] = NumberedBatches(loader.batch_sampler, seed, get_rank())
    if loader.generator is None:  # else it draws a seed for its workers from the model's
        loader.generator = torch.Generator().manual_seed(seed)


def data_generators() -> tuple:
    """The states that reading data changes: of Python, NumPy and torch on the CPU."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def set_data_generators(states: tuple) -> None:
    """Undo :func:`data_generators`."""
    python, numpy, cpu = states
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(cpu)


def state_of_training(runner: Any) -> dict[str, Any]:
    """What MMEngine's checkpoints lack: generators of all processes, accumulated gradients."""
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    state: dict[str, Any] = {GENERATORS: all_gather_object((*data_generators(), devices))}
    wrapper = runner.optim_wrapper
    count = getattr(wrapper, '_accumulative_counts', 1)
    if count > 1 and wrapper._inner_count % count and get_world_size() == 1:
        state[GRADIENTS] = {name: parameter.grad.cpu()
                            for name, parameter in runner.model.named_parameters()
                            if parameter.grad is not None}
    return state


def save_state_of_training(module: ModuleType) -> None:
    """``CheckpointHook`` saves :func:`state_of_training`."""
    hook = module.CheckpointHook
    save = hook._save_checkpoint_with_step

    @wraps(save)
    def save_more(self: Any, runner: Any, step: int, meta: dict) -> None:
        save(self, runner, step, dict(meta, **state_of_training(runner)))

    hook._save_checkpoint_with_step = save_more


def start_where_stopped(loops: ModuleType) -> None:
    """Loops without epochs ask for their first batch when they need it, and may pass over some."""

    class FirstAsked(loops._InfiniteDataloaderIterator):

        def __init__(self, dataloader: Any) -> None:
            self._dataloader, self._epoch, self.passed_over = dataloader, 0, 0
            if isinstance(dataloader.batch_sampler, NumberedBatches):
                dataloader.batch_sampler.endless = True

        def __getattr__(self, name: str) -> Any:
            if name != '_iterator':
                raise AttributeError(name)
            self._iterator = iter(self._dataloader)
            return self._iterator

        def __next__(self) -> Any:
            if self.passed_over:  # the loop counts what was trained on before
                self.passed_over -= 1
                return None
            return super().__next__()

    loops._InfiniteDataloaderIterator = FirstAsked


def resume_by_data(module: ModuleType) -> None:
    """The runner finds whole checkpoints, and takes nothing from them but data."""
    runner_class, find = module.Runner, module.find_latest_checkpoint
    build_dataloader, resume = runner_class.build_dataloader, runner_class.resume

    module.find_latest_checkpoint = lambda path: find_whole(find(path), path)

    @wraps(build_dataloader)
    def build_numbered(dataloader: Any, seed: int | None = None, *args: Any, **kwargs: Any) -> Any:
        if isinstance(dataloader, dict) and not dataloader.get('num_workers'):
            dataloader = {name: value for name, value in dataloader.items()
                          if name not in ('persistent_workers', 'prefetch_factor')}
        loader = build_dataloader(dataloader, seed, *args, **kwargs)
        if loader is not dataloader:
            number_batches(loader, seed)
        return loader

    @wraps(resume)
    def resume_exactly(self: Any, filename: str, *args: Any, **kwargs: Any) -> None:
        held, seed = {}, self.seed

        def load_checkpoint(*args: Any, **kwargs: Any) -> Any:
            checkpoint = type(self).load_checkpoint(self, *args, **kwargs)
            _check_resumable(checkpoint, filename)
            checkpoint['message_hub']['runtime_info'].pop('cfg', None)  # ours is what runs
            held.update(checkpoint['meta'])
            return checkpoint

        self.load_checkpoint = load_checkpoint
        try:
            resume(self, filename, *args, **kwargs)
        finally:
            del self.load_checkpoint
        _say_if_finished(self, filename)
        _go_on(self, seed)
        self.register_hook(_restorer(held), priority='LOWEST')

    runner_class.build_dataloader = staticmethod(build_numbered)
    runner_class.resume = resume_exactly


def _check_resumable(checkpoint: Any, filename: str) -> None:
    """A ValueError where a file is not the state of a run."""
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    if not isinstance(meta, dict) or not {'epoch', 'iter'} <= meta.keys() \
            or 'message_hub' not in checkpoint:
        raise ValueError(
            f'{filename} holds weights alone, and no run that could be resumed. To start from '
            'these weights leave out --resume: load_from, or '
            'default_hooks.warm_start.checkpoint (WarmStartHook), names them')
    for name in ('epoch', 'iter'):
        if type(meta[name]) is not int or meta[name] < 0:
            raise ValueError(f'{filename} stopped at {name} {meta[name]!r}, which is no number')


def _say_if_finished(runner: Any, filename: str) -> None:
    loop = runner.train_loop
    epochs = hasattr(loop, 'run_epoch')
    what, done, wanted = (('epoch', loop.epoch, loop.max_epochs) if epochs else
                          ('step', loop.iter, loop.max_iters))
    if done >= wanted:
        runner.logger.log(
            logging.WARNING, f'The run of {filename} had ended: it stands at {what} {done:,} of '
            f'{wanted:,}, so nothing is trained. To train longer raise train_cfg.max_{what}s'
            .replace('max_steps', 'max_iters') + '; for a second stage leave out --resume and '
            'start from the weights: load_from, or WarmStartHook')


def _go_on(runner: Any, seed: int) -> None:
    """Let the data begin where the run stopped, in the order that its seed gives."""
    loop, loader = runner.train_loop, runner.train_dataloader
    batches = loader.batch_sampler
    if not isinstance(batches, NumberedBatches):
        return
    if getattr(batches.sampler, 'seed', None) == seed:
        batches.sampler.seed = runner.seed
    batches.seed = runner.seed
    if batches.endless:
        batches.start = loop.dataloader_iterator.passed_over = loop.iter
    else:
        batches.passes = loop.epoch
        done = loop.iter - loop.epoch * len(loader)
        batches.start = done if 0 < done <= len(loader) else 0


def _restorer(meta: dict[str, Any]) -> Any:
    from mmengine.hooks import Hook

    class Restorer(Hook):
        """Sets :func:`state_of_training` as late as can be: hooks may have drawn something."""

        def before_train_epoch(self, runner: Any) -> None:
            if meta:
                _restore(runner, meta)
                meta.clear()

    return Restorer()


def _restore(runner: Any, meta: dict[str, Any]) -> None:
    states, gradients = meta.get(GENERATORS, ()), meta.get(GRADIENTS, {})
    try:
        if get_rank() < len(states):
            python, numpy, cpu, devices = states[get_rank()]
            if not 0 <= numpy[2] <= 624:
                raise ValueError('the position in the state of NumPy is out of range')
            set_data_generators((python, numpy, cpu.cpu()))
            for number, state in zip(range(torch.cuda.device_count()), devices):
                torch.cuda.set_rng_state(state.cpu(), number)
        for name, parameter in runner.model.named_parameters():
            if name in gradients:
                parameter.grad = gradients[name].to(parameter, copy=True)
    except (TypeError, ValueError, AttributeError, LookupError, RuntimeError) as error:
        raise ValueError(f'the checkpoint holds no state of random generators: {error}') from error

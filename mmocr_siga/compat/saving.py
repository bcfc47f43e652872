"""Checkpoints that outlive a kill or a full disk: a new one is whole before an old one goes.

MMEngine removes the old checkpoint first and writes the new one under its final name, and takes the
names of the files that it removes later on from the checkpoint that is resumed.
"""
from __future__ import annotations

import logging
import os
import os.path as osp
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from types import ModuleType
from typing import IO, Any, Callable


@contextmanager
def whole_file(path: str | os.PathLike[str], mode: str = 'r', **kwargs: Any) -> Iterator[IO]:
    """``open``, but what is written appears under its name when all of it is on the disk.

    Until then it lies in ``.<name>.part`` beside it, where the next attempt finds the place taken
    and takes it over.
    """
    path = osp.realpath(path)
    if 'w' not in mode or osp.exists(path) and not osp.isfile(path):  # a device, a pipe
        with open(path, mode, **kwargs) as file:
            yield file
        return
    folder, name = osp.split(path)
    part = osp.join(folder, f'.{name}.part')
    try:
        with open(part, mode, **kwargs) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise
    if hasattr(os, 'O_DIRECTORY'):  # the name, too
        handle = os.open(folder, os.O_DIRECTORY)
        with suppress(OSError):
            os.fsync(handle)
        os.close(handle)


def write_whole_files(module: ModuleType) -> None:
    """``open``, as this one module sees it, is :func:`whole_file`."""
    module.open = whole_file


class _Later:
    """A storage backend that keeps what it is told to remove until the end."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend
        self.removals: list[tuple[Callable, str]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self.removals.append((self._backend.remove, path))

    def rmtree(self, path: str) -> None:
        self.removals.append((self._backend.rmtree, path))


def keep_until_saved(module: ModuleType) -> None:
    """``CheckpointHook`` removes old files last, and such alone as it finds in its own folder."""
    write_whole_files(module)
    hook = module.CheckpointHook
    before_train = hook.before_train

    @wraps(before_train)
    def own_files(self: Any, runner: Any) -> None:
        hub = runner.message_hub
        for name in list(hub.runtime_info):
            if name in ('keep_ckpt_ids', 'last_ckpt') or name.startswith('best_ckpt'):
                hub.pop_info(name)
                hub._resumed_keys.pop(name, None)
        before_train(self, runner)
        _look_up(self, runner)

    hook.before_train = own_files
    for name in ('_save_checkpoint_with_step', '_save_best_checkpoint'):
        setattr(hook, name, _removing_later(getattr(hook, name)))


def _removing_later(method: Callable) -> Callable:
    @wraps(method)
    def removing_later(self: Any, runner: Any, *args: Any, **kwargs: Any) -> None:
        backend = getattr(self, 'file_backend', None)  # there is none before a training
        # Or the best one is saved, then the last one anew.
        if backend is None or isinstance(backend, _Later):
            method(self, runner, *args, **kwargs)
            return
        later = self.file_backend = _Later(backend)
        try:
            method(self, runner, *args, **kwargs)
        finally:
            self.file_backend = backend
        new = {self.last_ckpt, getattr(self, 'best_ckpt_path', None),
               *getattr(self, 'best_ckpt_path_dict', {}).values()}
        for remove, path in later.removals:
            if path not in new:
                remove(path)

    return removing_later


def _look_up(hook: Any, runner: Any) -> None:
    """Files of the run that goes on, which are removed when others take their place."""
    done = runner.epoch if hook.by_epoch else runner.iter
    if not done:
        return
    names = list(hook.file_backend.list_dir_or_file(hook.out_dir, list_dir=False))

    def steps(prefix: str) -> dict[int, str]:
        pattern = prefix + re.escape(hook.filename_tmpl).replace(r'\{\}', r'(\d+)')
        found = {int(match[1]): name for name in names if (match := re.fullmatch(pattern, name))}
        return {step: found[step] for step in sorted(found) if step <= done}

    if hook.max_keep_ckpts > 0:
        hook.keep_ckpt_ids = deque(steps(''), hook.max_keep_ckpts)
    for key in hook.key_indicators if hook.save_best else ():
        best = steps('best_.+_' if key == 'auto' else re.escape(f'best_{key}_'.replace('/', '_')))
        path = hook.file_backend.join_path(hook.out_dir, [*best.values()][-1]) if best else None
        if len(hook.key_indicators) == 1:
            hook.best_ckpt_path = path
        else:
            hook.best_ckpt_path_dict[key] = path


def find_whole(named: str | None, work_dir: str) -> str | None:
    """The newest whole checkpoint of a run: ``named``, or an earlier one beside it.

    Raises:
        RuntimeError: If there are checkpoints, but none is whole.
    """
    from mmengine.logging import print_log

    from .checkpoint import UnsafeCheckpointError, check_container
    if named is not None and '://' in named:
        return named
    last = _step(named or '')
    earlier = [osp.join(folder, name)
               for folder in {work_dir, osp.dirname(named or '') or work_dir}
               for name in (os.listdir(folder) if osp.isdir(folder) else ())
               if 0 <= _step(name) < (last if last >= 0 else float('inf'))]
    problems = []
    for path in filter(None, [named, *sorted(earlier, key=_step, reverse=True)]):
        if osp.isdir(path):  # DeepSpeed's
            return path
        try:
            with open(path, 'rb') as file:
                check_container(file, path)
        except (OSError, RuntimeError, UnsafeCheckpointError) as error:
            problems.append(str(error))
            print_log(f'--resume passes over a checkpoint. {error}', 'current', logging.WARNING)
        else:
            return path
    if problems:
        raise RuntimeError(f'nothing in {work_dir} can be resumed: ' + '; '.join(problems))
    return None


def _step(path: str) -> int:
    """Number in the name of a checkpoint, -1 where it is none."""
    match = re.fullmatch(r'(?!best_).*_(\d+)\.pth', osp.basename(path))
    return int(match[1]) if match else -1

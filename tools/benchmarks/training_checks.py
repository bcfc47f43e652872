"""Checks of a training step: that it does not wait for the device, and that it stays finite."""
from __future__ import annotations

import tempfile
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import common
import torch
from common import ROOT, Candidate, Precision
from mmdet.engine.hooks import CheckInvalidLossHook
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.runner import Runner
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
# On an accelerator the host needs the result, or its size, before it can go on.
_WAITING = {
    aten._local_scalar_dense: 'reads a number (item, bool, float, int)',
    aten.nonzero: 'nonzero', aten.nonzero_static: None, aten.argwhere: 'argwhere',
    aten.masked_select: 'masked_select', aten.equal: 'equal', aten.bincount: 'bincount',
    aten._unique: 'unique', aten._unique2: 'unique', aten.unique_dim: 'unique',
    aten.unique_consecutive: 'unique', aten.repeat_interleave: 'repeat_interleave',
}
_INDEXING = (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_)
_TO_HOST = {Tensor.tolist: 'tolist', Tensor.numpy: 'numpy', Tensor.cpu: 'cpu',
            Tensor.__array__: 'an array of NumPy'}


class _Operators(TorchDispatchMode):
    """Sees every operator, those of the backward pass as well: which tensors would be on the
    device, and where it was waited for.

    All are on the CPU: those of the model are taken for the device's, and so is what is made of
    them and what is sent there. Storages are kept alive, lest an address be used twice.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.storages: dict[int, Any] = {}
        self.found: dict[str, None] = {}
        for tensor in [*model.parameters(), *model.buffers()]:
            self.mark(tensor)

    def mark(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        self.storages[storage._cdata] = storage

    def on_device(self, items: Any) -> bool:
        return any(t.untyped_storage()._cdata in self.storages for t in _tensors(items))

    def note(self, what: str) -> None:
        """Note the place that is next to torch in the stack."""
        frames = [f for f in traceback.extract_stack() if '/torch/' not in f.filename
                  and Path(f.filename).name != Path(__file__).name]
        place = frames[-1]
        name = place.filename
        for root in (str(ROOT) + '/', 'site-packages/'):
            name = name.rpartition(root)[2]
        self.found[f'{name}:{place.lineno}: {what}'] = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        watched = self.on_device([args, kwargs])
        if watched:
            packet = func.overloadpacket
            waiting = _WAITING.get(packet)
            if packet in _INDEXING and any(t.dtype in (torch.bool, torch.uint8)
                                           for t in _tensors(args[1])):
                waiting = 'indexes with a mask'
            if waiting:
                self.note(waiting)
        out = func(*args, **kwargs)
        for tensor in _tensors(out) if watched else ():
            self.mark(tensor)
        return out


def _tensors(items: Any) -> Iterator[Tensor]:
    if isinstance(items, Tensor):
        yield items
    elif isinstance(items, (dict, list, tuple)):
        for item in items.values() if isinstance(items, dict) else items:
            yield from _tensors(item)


class _Methods(TorchFunctionMode):
    """Sees what no operator shows on a CPU: reading into Python, and moving to the device."""

    def __init__(self, tracker: _Operators) -> None:
        super().__init__()
        self.tracker = tracker

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func in _TO_HOST and self.tracker.on_device(args):
            self.tracker.note(_TO_HOST[func])
        out = func(*args, **kwargs)
        if func is Tensor.to:
            device = kwargs.get('device', args[1] if len(args) > 1 else None)
            if device == 'cpu' and self.tracker.on_device(args[0]):
                self.tracker.note("to('cpu')")
            elif isinstance(device, (torch.device, Tensor)):
                out = out.clone() if out is args[0] else out
                self.tracker.mark(out)
        return out


@contextmanager
def watched(model: torch.nn.Module, device: torch.device) -> Iterator[list[str]]:
    """Collect the places, ``file:line: what``, where the host waits for the device, in a list that
    is filled at the end.

    On CUDA, torch tells; on a CPU every operator is looked at. Copies to the device that the host
    waits for are found on CUDA alone.
    """
    found: list[str] = []
    if device.type == 'cuda':
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            torch.cuda.set_sync_debug_mode('warn')
            try:
                yield found
            finally:
                torch.cuda.set_sync_debug_mode('default')
        found += dict.fromkeys(f'{w.filename}:{w.lineno}: {str(w.message).splitlines()[0]}'
                               for w in caught if 'synchroniz' in str(w.message))
        return
    tracker = _Operators(model)
    with _Methods(tracker), tracker:
        yield found
    found += tracker.found


def waits(model: BaseModel, optimizer: OptimWrapper, batches: Sequence[dict],
          device: torch.device) -> list[str]:
    """Where a training step waits for the device; see :func:`watched`.

    The last of the collated batches alone is watched, since the first set up what stays.
    """
    for data in batches[:-1]:
        model.train_step(data, optimizer)
    with watched(model, device) as found:
        model.train_step(batches[-1], optimizer)
    return found


def check_sync(candidate: Candidate, precision: Precision, device: torch.device,
               size: int) -> list[str]:
    """:func:`waits` of a config, on real or drawn words."""
    cfg = common.load_config(candidate.config)
    model = common.build_model(cfg, candidate.weights).to(device)
    optimizer = build_optim_wrapper(model, wrapper_config(cfg, precision))
    pipeline = common.build_pipeline(cfg, 'train')
    words, _ = common.find_words(3 * size, 'train')
    items = [pipeline(common.word_info(word)) for word in words]
    batches = [pseudo_collate(items[i:i + size]) for i in range(0, len(items), size)]
    return waits(model, optimizer, batches, device)


def wrapper_config(cfg: Any, precision: Precision) -> dict:
    """The optimizer of a config in a precision."""
    wrapper = dict(cfg.optim_wrapper, type='OptimWrapper')
    for key in ('dtype', 'loss_scale'):
        wrapper.pop(key, None)
    if precision.dtype is not None:
        wrapper.update(type='AmpOptimWrapper', dtype=str(precision.dtype).split('.')[1])
    return wrapper


def on_its_own(cfg: Any, folder: Path) -> Any:
    """The config of a training that tests, saves and begins with nothing, in a folder of its own.
    """
    cfg.resume = False
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_cfg = cfg.test_dataloader = cfg.test_evaluator = None
    # One of the name in a config would go on with the folder of the run before.
    cfg.default_hooks.checkpoint = cfg.visualizer = None
    cfg.default_hooks.pop('warm_start', None)
    cfg.log_level, cfg.randomness = 'WARNING', dict(seed=0)
    cfg.work_dir, cfg.experiment_name = str(folder), f'{folder.name}_{folder.parent.name}'
    return cfg


def check_finite(candidate: Candidate, precision: Precision, device: torch.device, size: int,
                 steps: int) -> str:
    """Train a config, from its weights, on its own words with the beginning of its own schedule:
    when the loss is not finite, or what weights at the end, or ''. MMEngine chooses the device; it
    must be of the type asked for.
    """
    cfg = common.load_config(candidate.config)
    cfg.optim_wrapper = wrapper_config(cfg, precision)
    if precision.compiled:
        cfg.compile = True
    cfg.load_from = candidate.weights
    cfg.train_dataloader.batch_size = size
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=steps, val_interval=steps + 1)
    with tempfile.TemporaryDirectory() as folder:
        runner = Runner.from_cfg(on_its_own(cfg, Path(folder)))
        found = next(runner.model.parameters()).device.type
        if found != device.type:
            raise ValueError(f'--device {device}: MMEngine trains on {found} here; hide the '
                             'accelerator with CUDA_VISIBLE_DEVICES= to train on the CPU')
        runner.register_hook(CheckInvalidLossHook(interval=1))
        try:
            runner.train()
        except AssertionError:
            return f'step {runner.iter + 1}: the loss is not finite'
    bad = [name for name, value in runner.model.state_dict().items()
           if not torch.isfinite(value).all()]
    return f'{len(bad)} weights are not finite at the end, first {bad[:4]}' if bad else ''

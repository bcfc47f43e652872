"""Checkpoints that would run code, delete files or fill the memory, at every door they can take.

    station = Station(folder)                       # trains a toy once
    for payload in PAYLOADS:
        for door in DOORS:
            visit = station.visit(payload, door)    # in a process of its own
            assert visit.harm is None

The payload ``genuine`` is what a run writes; every door must take it that takes toys.
"""
from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import pickle
import resource
import time
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

from tests.conftest import REPO
from tests.helpers.toy_run import build, toy_config, write_words

# What a door may take above what it needs for the genuine file, and for how long.
MOST_MEMORY, MOST_SECONDS = 256 << 20, 60
HUGE = 1 << 31


class Visit(NamedTuple):
    """What came of a payload at a door."""
    harm: str | None
    refused: str | None  # the error in words
    memory: int  # bytes above those at the start


class Called:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable, *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple:
        return self.call


class State:
    """Pickles as an object made by a call, whose state is set then."""

    def __init__(self, function: Callable, args: tuple, state: Any) -> None:
        self.call = (function, args, state)

    def __reduce__(self) -> tuple:
        return self.call


# --- payloads: from the genuine content, the file that must not come to be, and the one that must
# not go, to the file's content, or its bytes

def _touch(marker: Path) -> str:
    return f"open({str(marker)!r}, 'w').close()\n"


def _with(change: Callable[[dict, Path, Path], Any]) -> Callable:
    def payload(content: dict, marker: Path, victim: Path) -> dict:
        change(content, marker, victim)
        return content
    return payload


def _call(function: Callable, *words: str) -> Callable:
    """A call in the place of a value: words with {} get the path of the marker."""
    return _with(lambda c, m, v: c['meta'].update(
        x=Called(function, *(w.format(m) for w in words))))


def _info(**values: Any) -> Callable:
    return _with(lambda c, m, v: c['message_hub']['runtime_info'].update(
        {k: f(m, v) if callable(f) else f for k, f in values.items()}))


def _value(make: Callable[[], Any]) -> Callable:
    return _with(lambda c, m, v: c['meta'].update(x=make()))


def _weight(make: Callable[[], Any]) -> Callable:
    def change(content: dict, *_: Path) -> None:
        content['state_dict']['extra'] = make()
    return _with(change)


def _bytes(content: Any, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def _deflated(content: dict, *_: Path) -> bytes:
    """Two megabytes that unfold to half a gigabyte."""
    content['state_dict']['extra'] = torch.zeros(1234)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_bytes(content))) as old, \
            zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        for part in old.infolist():
            large = part.file_size == 4 * 1234
            with new.open(part.filename, 'w', force_zip64=True) as file:
                for _ in range(512 if large else 1):
                    file.write(bytes(1 << 20) if large else old.read(part))
    return out.getvalue()


def _larger(content: dict, *_: Path) -> bytes:
    """A storage of some values that says it has more."""
    content['state_dict']['extra'] = torch.zeros(1234)
    more = pickle.BININT + (1 << 30).to_bytes(4, 'little')
    old = pickle.BININT2 + (1234).to_bytes(2, 'little')
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_bytes(content))) as archive, zipfile.ZipFile(out, 'w') as new:
        for name in archive.namelist():
            part = archive.read(name)
            new.writestr(name, part.replace(old, more) if name.endswith('data.pkl') else part)
    return out.getvalue()


def _legacy_larger(content: dict, *_: Path) -> bytes:
    content['state_dict']['extra'] = torch.zeros(1234)
    more = pickle.BININT + (1 << 30).to_bytes(4, 'little')
    return _bytes(content, zipped=False).replace(
        pickle.BININT2 + (1234).to_bytes(2, 'little'), more)


def _torchscript(*_: Any) -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), file)
    return file.getvalue()


def _beyond() -> Any:
    """A tensor of more than its storage, which torch would make room for."""
    return Called(torch._utils._rebuild_tensor_v2, torch.zeros(1).storage(), 0, (1 << 29, ), (1, ),
                  False, OrderedDict())


def _nested() -> Any:
    value: Any = []
    for _ in range(400):
        value = [value]
    return value


def _laughs() -> Any:
    value: Any = ['ha']
    for _ in range(40):
        value = [value, value]
    return value


def _flipped(content: dict, *_: Path) -> bytes:
    data = bytearray(_bytes(content))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        part = max(archive.infolist(), key=lambda part: part.file_size)
    data[part.header_offset + 200] ^= 16
    return bytes(data)


CONFIG = "model = dict(type='CRNN')\n"
RUNS_CODE = dict(
    system=_call(os.system, 'touch {}'),
    eval=_call(eval, "open('{}', 'w')"),
    open=_call(open, '{}', 'w'),
    attribute=_value(lambda: Called(getattr, HistoryBuffer, '__init__')),
    legacy_system=lambda c, m, v: _bytes(dict(c, x=Called(os.system, f'touch {m}')), zipped=False),
    config=_with(lambda c, m, v: c['meta'].update(config=CONFIG + _touch(m))),
    gpu_ids=_with(lambda c, m, v: c['meta'].update(config=f'gpu_ids = [{_touch(m).strip()}]\n')),
    cfg=_with(lambda c, m, v: (c['message_hub']['runtime_info'].pop('cfg', None),
                               c['meta'].update(cfg=CONFIG + _touch(m)))),
    hub_cfg=_info(cfg=lambda m, v: CONFIG + _touch(m)),
    hub_type=_info(cfg=lambda m, v: f"model = dict(type='os.system', command='touch {m}')\n"),
    torchscript=_torchscript)
DELETES = dict(
    best=_info(best_ckpt=lambda m, v: str(v), best_score=-1.0),
    best_of_two=_info(**{'best_ckpt_recog/word_acc': lambda m, v: str(v),
                         'best_score_recog/word_acc': -1.0}),
    last=_info(last_ckpt=lambda m, v: str(v)),
    keep=_info(keep_ckpt_ids=lambda m, v: [f'/../../{v.name[:-4]}'] * 5),
    numbers=_info(keep_ckpt_ids=[77, 78, 79, 80]))
FILLS = dict(
    deflated=_deflated, larger=_larger, legacy_larger=_legacy_larger,
    expanded=_weight(lambda: torch.zeros(1).expand(1 << 29)),
    shared=_with(lambda c, m, v: c['state_dict'].update(
        zip(map('e{}'.format, range(3000)), [torch.zeros(1 << 18)] * 3000))),
    beyond=_weight(_beyond),
    bytearray=_value(lambda: Called(bytearray, HUGE)),
    tensor=_value(lambda: Called(torch.FloatTensor, HUGE)),
    parameter=_value(lambda: Called(torch.nn.Parameter, Called(torch.FloatTensor, HUGE))),
    array=_value(lambda: Called(np.zeros(1).__reduce__()[0], np.ndarray, (HUGE, ), b'b')),
    dtype=_value(lambda: Called(np.float64(0).__reduce__()[0], Called(np.dtype, f'S{HUGE - 1}'))),
    array_state=_value(lambda: State(np.zeros(1).__reduce__()[0], (np.ndarray, (0, ), b'b'), (
        1, (HUGE, ), np.dtype('f8'), False, b'12345678'))),
    sets=_with(lambda c, m, v: c['meta'].update(x=[set() for _ in range(400_000)])),
    nested=_value(_nested), laughs=_info(x=lambda m, v: _laughs()))
DAMAGED = dict(
    flipped=_flipped, cut=lambda c, m, v: _bytes(c)[:-2000], empty=lambda c, m, v: b'',
    nan=_with(lambda c, m, v: next(iter(c['state_dict'].values())).view(-1)[0].fill_(np.nan)),
    far=_with(lambda c, m, v: c['meta'].update(iter=10 ** 12)),
    no_number=_with(lambda c, m, v: c['meta'].update(iter='3')))
PAYLOADS: dict[str, Callable] = dict(
    genuine=lambda c, m, v: c, **RUNS_CODE, **DELETES, **FILLS, **DAMAGED)


# --- doors: each is given a folder with the toy's words and the path of a checkpoint

def _config(folder: Path, **changes: Any) -> Any:
    config = toy_config(folder, 'work', max_epochs=2, **changes)
    config.default_hooks.checkpoint.update(
        save_best='recog/word_acc', rule='greater', max_keep_ckpts=1)
    config.default_hooks.ema = dict(type='EMAHook', momentum=0.1)
    return config


def _in_work_dir(folder: Path, path: Path) -> None:
    (folder / 'work').mkdir(exist_ok=True)
    here = folder / 'work' / 'epoch_1.pth'
    here.write_bytes(path.read_bytes())
    (folder / 'work' / 'last_checkpoint').write_text(str(here))
    build(_config(folder), resume=True).train()


def _two_metrics(folder: Path, path: Path) -> None:
    config = _config(folder)
    config.val_evaluator.update(mode=['exact', 'ignore_case'])
    config.default_hooks.checkpoint.update(
        save_best=['recog/word_acc', 'recog/word_acc_ignore_case'])
    build(config, path, resume=True).train()


def _warm_start(folder: Path, path: Path) -> None:
    config = _config(folder)
    config.default_hooks.warm_start = dict(type='WarmStartHook', checkpoint=str(path))
    build(config).train()


def _pretrained(folder: Path, path: Path) -> None:
    config = _config(folder)
    config.model.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    build(config).train()


def _mmocr(folder: Path, path: Path, with_config: bool) -> None:
    from mmocr.apis import TextRecInferencer
    config = _config(folder)
    config.test_dataloader.dataset.pipeline[0].pop('color_type')
    TextRecInferencer(config if with_config else None, str(path), device='cpu')


def _tool(name: str, *arguments: str) -> Callable:
    """A tool of tools/, which says what is wrong and returns a number, or raises."""
    def door(folder: Path, path: Path) -> None:
        import importlib
        main = importlib.import_module(f'tools.{name}').main
        words = [str(path) if a == 'CKPT' else str(REPO / 'configs/siga_tiny.py')
                 if a == 'CONFIG' else str(folder / a) if a.startswith('out') else a
                 for a in arguments]
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            if main(words):
                raise ValueError(said.getvalue())
    return door


def _words(folder: Path, path: Path) -> None:
    from mmocr_siga.apis import WordInferencer
    WordInferencer(REPO / 'configs/siga_tiny.py', path, device='cpu')


def _scenes(folder: Path, path: Path) -> None:
    from mmocr_siga.apis import SceneInferencer
    SceneInferencer('dbnet_resnet18_fpnc_1200e_icdar2015', path, device='cpu')


TAKES_TOYS: dict[str, Callable[[Path, Path], Any]] = dict(
    load=lambda folder, path: CheckpointLoader.load_checkpoint(str(path), 'cpu'),
    load_from=lambda folder, path: build(_config(folder), path).train(),
    resume=lambda folder, path: build(_config(folder), path, resume=True).train(),
    resume_two_metrics=_two_metrics,
    auto_resume=_in_work_dir,
    test=lambda folder, path: build(_config(folder), path).test(),
    warm_start=_warm_start, pretrained=_pretrained,
    mmocr_inferencer=lambda folder, path: _mmocr(folder, path, True),
    publish=_tool('checkpoints.publish_checkpoint', 'CKPT', 'out.pth'))
DOORS: dict[str, Callable[[Path, Path], Any]] = dict(
    **TAKES_TOYS,
    mmocr_inferencer_alone=lambda folder, path: _mmocr(folder, path, False),
    word_inferencer=_words, scene_inferencer=_scenes,
    convert_dictionary=_tool('checkpoints.convert_dictionary', 'CONFIG', 'CKPT', 'out.pth',
                             '--from', '36'),
    pack=_tool('checkpoints.pack_weights', 'CONFIG', 'CKPT', 'toy', '--folder', 'out'),
    export=_tool('checkpoints.export_onnx', 'CONFIG', 'CKPT', 'out.onnx'),
    convert_reference=_tool('convert_reference_weights', 'CKPT', 'out.pth'))


class Station:
    """Where checkpoints are made, and sent to the doors."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        write_words(folder)
        build(_config(folder)).train()
        self.genuine = next((folder / 'work').glob('epoch_*.pth')).read_bytes()
        self.number = 0

    def visit(self, payload: str, door: str) -> Visit:
        """Send a payload to a door: a process of its own."""
        self.number += 1
        folder = self.folder / f'visit_{self.number}'
        marker, victim = folder / 'RAN', folder / 'precious.pth'
        (folder / 'work').mkdir(parents=True)
        write_words(folder)
        content = torch.load(io.BytesIO(self.genuine), weights_only=False)
        content['meta'].update(epoch=1, iter=2)
        content = PAYLOADS[payload](content, marker, victim)
        path = folder / 'sent.pth'
        path.write_bytes(content if isinstance(content, bytes) else _bytes(content))
        del content
        # Files that no run may touch: one outside of its folder, others of its kind.
        kept = [victim, *(folder / 'work' / f'epoch_{n}.pth' for n in (77, 78, 79, 80))]
        for file in kept:
            file.write_bytes(b'precious')
        receive, send = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context('fork').Process(
            target=_visit, args=(DOORS[door], folder, path, send))
        process.start()
        send.close()
        refused, memory = 'it took too long', 0
        late = not receive.poll(MOST_SECONDS)
        if not late:
            with contextlib.suppress(EOFError):
                refused, memory = receive.recv()
        process.kill()
        process.join()
        harm = None
        if marker.exists():
            harm = 'code ran'
        elif gone := [file.name for file in kept if not file.exists()]:
            harm = f'deleted {gone}'
        elif late:
            harm = f'not done in {MOST_SECONDS} s'
        elif memory > MOST_MEMORY:
            harm = f'{memory >> 20} MiB taken'
        elif refused == 'it took too long':
            harm = 'the process died'
        return Visit(harm, refused, memory)


def _visit(door: Callable, folder: Path, path: Path, send: Any) -> None:
    log = os.open(folder / 'log.txt', os.O_CREAT | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    torch.set_num_threads(1)
    os.chdir(folder)
    before = _resident()
    limit = _virtual() + (4 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    refused = None
    try:
        door(folder, path)
    except (Exception, SystemExit) as error:  # noqa: BLE001
        refused = f'{type(error).__name__}: {error}'
    send.send((refused, max(0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before)))
    time.sleep(5)  # until it is killed: nothing more happens at the end of the process


def _resident() -> int:
    return int(Path('/proc/self/statm').read_text().split()[1]) * resource.getpagesize()


def _virtual() -> int:
    return int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()

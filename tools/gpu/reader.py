"""Train the packaged reader on for a given time, and test it.

    SIGA_DATA=data python tools/gpu/reader.py work_dirs/reader --seconds 150 --batch 256

It is the recipe of configs/siga_lcnet_v4_release.py, begun with the packaged weights; the rate
falls with the time that has passed. --teacher is a file of PP-OCRv6's weights that
tools/gpu/pack.py makes; without it the packaged reader is its own teacher. Writes `reader.pth`,
averaged weights in half precision, every minute and at the end, and `reader.json`. Pack them by
tools/checkpoints/pack_weights.py with the same config.
"""
from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

from mmengine.config import Config  # isort: skip
from mmengine.hooks import Hook  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmengine.runner import Runner  # isort: skip

from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.checkpoint import load
from mmocr_siga.compat.configs import read_config
from mmocr_siga.compat.saving import whole_file

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs/siga_lcnet_v4_release.py'
PACKED = ROOT / 'mmocr_siga/weights/siga_lcnet_words.pth'
PARTS = {'backbone': 'backbone', 'encoder': 'encoder', 'decoder.first': 'decoder'}
SAVED_EVERY = 60  # seconds


class TimedSchedule(Hook):
    """Warms the rate up, lets it fall along a cosine of the time, and ends when that is over."""

    priority = 'VERY_LOW'

    def __init__(self, seconds: float, out: Path, warm_up: int = 50) -> None:
        self.seconds, self.out, self.warm_up = seconds, out, warm_up
        self.begun = self.saved = 0.

    def before_train(self, runner: Any) -> None:
        self.begun = self.saved = time.monotonic()
        for group in runner.optim_wrapper.param_groups:
            group['initial_lr'] = group['lr']

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        passed = min(1., (time.monotonic() - self.begun) / self.seconds)
        factor = min(1., (runner.iter + 1) / self.warm_up) * (
            0.01 + 0.99 * (1 + math.cos(math.pi * passed)) / 2)
        for group in runner.optim_wrapper.param_groups:
            group['lr'] = group['initial_lr'] * factor
        runner.train_loop.stop_training = passed == 1.

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None,
                         outputs: Any = None) -> None:
        if time.monotonic() - self.saved > SAVED_EVERY:
            save(runner, self.out)
            self.saved = time.monotonic()


def save(runner: Any, out: Path) -> None:
    """Averaged weights in half precision, without what only teaches."""
    runner.save_checkpoint(str(out), 'whole.pth', save_optimizer=False, by_epoch=False,
                           save_param_scheduler=False)
    whole = load(out / 'whole.pth', 'cpu')
    state = {name: value.half() if value.is_floating_point() else value
             for name, value in whole['state_dict'].items()}
    meta = {name: whole['meta'].get(name) for name in ('experiment_name', 'iter', 'seed', 'time')}
    with whole_file(out / 'reader.pth', 'wb') as file:
        torch.save(dict(meta=meta, state_dict=state), file)
    (out / 'whole.pth').unlink()


def without_pretrained(cfg: Any) -> None:
    """Take out, in place, what fetches PP-OCRv6's weights: others come in their place."""
    if isinstance(cfg, dict):
        if (cfg.get('init_cfg') or {}).get('type') == 'PretrainedPPOCRv6':
            del cfg['init_cfg']
        for value in cfg.values():
            without_pretrained(value)


def teacher(given: Path | None, out: Path) -> tuple[Path, str]:
    """File of the teacher's weights, and what they are."""
    if given is not None and given.is_file():
        return given, 'PP-OCRv6'
    state = load(PACKED, 'cpu')['state_dict']
    own = {name.replace('encoder.sequence.', 'encoder.'): value for name, value in state.items()
           if not name.startswith('encoder.') or name.startswith('encoder.sequence.')}
    torch.save(dict(state_dict=own), out / 'teacher.pth')
    return out / 'teacher.pth', 'the packaged reader'


def recipe(args: argparse.Namespace) -> tuple[Config, str]:
    """The config of the training, and who teaches."""
    cfg = read_config(str(CONFIG))
    without_pretrained(cfg.model)
    path, who = teacher(args.teacher, args.out)
    cfg.model.plugins.keep.teacher.init_cfg = dict(type='Pretrained', checkpoint=str(path))
    cfg.default_hooks.warm_start = dict(
        type='WarmStartHook', checkpoint=str(PACKED), parts=PARTS)
    cfg.default_hooks.checkpoint = cfg.visualizer = cfg.param_scheduler = None
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=10 ** 6, val_interval=10 ** 6)
    cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype='bfloat16')
    cfg.optim_wrapper.optimizer.lr *= math.sqrt(args.batch / cfg.train_dataloader.batch_size)
    cfg.train_dataloader.batch_size = args.batch
    for loader, workers in (cfg.train_dataloader, args.workers), (cfg.val_dataloader, 4):
        loader.num_workers = min(workers, args.workers)
        loader.persistent_workers = loader.num_workers > 0
    cfg.train_dataloader.pin_memory = torch.cuda.is_available()
    cfg.work_dir, cfg.log_level, cfg.load_from, cfg.resume = str(args.out), 'INFO', None, False
    return cfg, who


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('out', type=Path)
    add('--teacher', type=Path, help='its weights, if there is such a file')
    add('--seconds', type=float, default=150, help='of training (default %(default)s)')
    add('--batch', type=positive, default=256, help='words of a step (default %(default)s)')
    add('--workers', type=int, default=16, help='that load and augment (default %(default)s)')
    args = parser.parse_args(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    init_default_scope('mmocr')
    cfg, who = recipe(args)
    runner = Runner.from_cfg(cfg)
    clock = TimedSchedule(args.seconds, args.out)
    runner.register_hook(clock)
    runner.train()
    spent = time.monotonic() - clock.begun
    save(runner, args.out)
    result = dict(steps=runner.iter, batch=args.batch, words_per_s=runner.iter * args.batch / spent,
                  seconds=spent, teacher=who)
    write = (args.out / 'reader.json').write_text
    write(json.dumps(result, indent=2))  # a test that fails is not to cost it
    result['tested'] = {name: float(value) for name, value in runner.val().items()}
    write(json.dumps(result, indent=2))
    return 0


if __name__ == '__main__':
    run_tool(main)

"""Train configs for a few steps and write their losses, averaged over the processes.

    python -m torch.distributed.run --nproc_per_node 2 loss_curve.py CONFIG ...

The losses of CONFIG.py go to CONFIG.json: all, or those that the config names in ``recorded``, for
models whose processes may have different ones.
"""
import json
import sys
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dist import all_reduce_dict
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import nn

import mmocr_siga  # noqa: F401


class Recorder(Hook):
    """Keeps out what differs between one large batch and two small: statistics and dropout."""

    def __init__(self, names):
        self.names, self.curve = names, []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in runner.model.modules():
            if isinstance(module, (nn.BatchNorm2d, nn.Dropout)):
                module.eval()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        losses = {name: value.detach().double().mean() for name, value in outputs.items()
                  if (name in self.names if self.names else 'loss' in name)}
        all_reduce_dict(losses, 'mean')
        self.curve.append({name: float(value) for name, value in losses.items()})


def loss_curve(path, launcher='none'):
    """Losses of every step, a dict each."""
    cfg = Config.fromfile(path)
    cfg.launcher = launcher
    cfg.experiment_name = f'{path}_{launcher}'.replace('/', '_')
    runner = Runner.from_cfg(cfg)
    recorder = Recorder(cfg.get('recorded'))
    runner.register_hook(recorder)
    runner.train()
    return recorder.curve


if __name__ == '__main__':
    torch.set_num_threads(1)
    for config in sys.argv[1:]:
        losses = loss_curve(config, 'pytorch')
        if torch.distributed.get_rank() == 0:
            Path(config).with_suffix('.json').write_text(json.dumps(losses))
    # Leave together, with nothing under way: gloo's threads let go of the last tensors a little
    # after the collective has returned. A thread that does so once the interpreter is going down
    # aborts the process.
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()

"""Train a config for a few steps and write the losses, averaged over the processes.

    python loss_curve.py CONFIG OUT.json [NAME ...]
    python -m torch.distributed.run --nproc_per_node 2 loss_curve.py CONFIG OUT.json [NAME ...]

With names these losses alone, for models whose processes may have different ones.
"""
import json
import os
import sys

import torch
from mmengine.config import Config
from mmengine.dist import all_reduce_dict
from mmengine.hooks import Hook
from mmengine.runner import Runner

import mmocr_siga  # noqa: F401


class Recorder(Hook):
    """Keeps batch statistics out of it, which differ between one large batch and two small."""

    def __init__(self, names=()):
        self.names = names
        self.curve = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        for module in runner.model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        losses = {name: value.detach().double().mean() for name, value in outputs.items()
                  if (name in self.names if self.names else 'loss' in name)}
        all_reduce_dict(losses, 'mean')
        self.curve.append({name: float(value) for name, value in losses.items()})


def main(config, out, *names):
    torch.set_num_threads(1)
    cfg = Config.fromfile(config)
    cfg.launcher = 'pytorch' if 'LOCAL_RANK' in os.environ else 'none'
    runner = Runner.from_cfg(cfg)
    recorder = Recorder(names)
    runner.register_hook(recorder)
    runner.train()
    if runner.rank == 0:
        with open(out, 'w', encoding='utf-8') as stream:
            json.dump(recorder.curve, stream)
    if cfg.launcher != 'none':
        leave()


def leave():
    """Leave together, with nothing under way.

    Gloo's threads let go of the last tensors a little after the collective has returned. A thread
    that does so once the interpreter is going down aborts the process.
    """
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


if __name__ == '__main__':
    main(*sys.argv[1:])

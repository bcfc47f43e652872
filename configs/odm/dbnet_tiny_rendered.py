# The detector of siga_spotter_tiny trained to detect, on the scenes that odm_tiny learns from: what
# a pre-training must be better than, since it costs the same labels.
#
#   mim train mmocr configs/odm/dbnet_tiny_rendered.py
_base_ = ['dbnet_tiny_from_odm.py', '../_base_/datasets/rendered_scenes.py']

max_iters = 2000
warm_up = 100

train_pipeline = [
    t for t in _base_.train_pipeline if t['type'] != 'LoadImageFromFile'
]
train_dataloader = dict(
    dataset=dict(_delete_=True, **dict(
        _base_.rendered_scenes_train, size=(512, 512), pipeline=train_pipeline)))
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warm_up),
    dict(_base_.param_scheduler[1], begin=warm_up, end=max_iters, T_max=max_iters - warm_up),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters), warm_start=dict(checkpoint=None))

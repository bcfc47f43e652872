# The detector of siga_spotter_tiny on few real scenes, from what odm_tiny has learned.
#
#   SIGA_ODM=work_dirs/odm_tiny/iter_2000.pth mim train mmocr configs/odm/dbnet_tiny_from_odm.py
#
# default_hooks.warm_start.checkpoint=None begins from nothing; dbnet_tiny_rendered.py makes the
# detector to compare with, trained on the same rendered scenes. 30 of the 60 scenes are tested on.
_base_ = [
    '../_base_/models/tiny_dbnet.py',
    '../_base_/recipes/detection.py',
    '../_base_/datasets/scenes.py',
]

max_iters = 800
warm_up = 50

train_pipeline = [
    dict(t, size=(384, 384), scale=(0.7, 1.4)) if t['type'] == 'RandomSceneWindow' else t
    for t in _base_.train_pipeline
]
test_pipeline = [
    dict(t, scale=(1280, 736)) if t['type'] == 'FitScene' else t for t in _base_.test_pipeline
]
train_dataloader = dict(
    dataset=dict(_base_.ic15_scenes_train, test_count=30, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(_base_.ic15_scenes_test, test_count=30, pipeline=test_pipeline))
test_dataloader = val_dataloader

param_scheduler = [
    dict(_base_.param_scheduler[0], end=warm_up),
    dict(_base_.param_scheduler[1], begin=warm_up, end=max_iters, T_max=max_iters - warm_up),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(
    logger=dict(interval=20), checkpoint=dict(interval=max_iters, max_keep_ckpts=1),
    warm_start=dict(
        type='WarmStartHook', checkpoint='{{$SIGA_ODM:work_dirs/odm_tiny/iter_2000.pth}}',
        parts={'backbone.': 'backbone.', 'neck.': 'neck.'}))

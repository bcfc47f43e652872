# Words in scenes for what begins with PP-OCRv6's trunk: scenes of datasets/scenes.py, 1500 steps. A
# config adds a model.
_base_ = ['spotting.py', '../datasets/scenes.py']

max_iters = 1500
warm_up = 50

# Enlarged towards 960 pixels, for small words; the trunk was made for 736
# (docs/reports/scenes.md). Small pictures, of which words fill more, are enlarged 1.5 times at
# most, and only large ones are reduced.
test_pipeline = [
    dict(t, scale=(2000, 960), enlarge_only=True, max_factor=1.5) if t['type'] == 'FitScene' else t
    for t in _base_.test_pipeline
]

train_dataloader = dict(
    dataset=dict(
        type='AvailableDatasets', missing='skip', pipeline=_base_.train_pipeline,
        datasets=[_base_.ic15_scenes_train, _base_.ic15_more_train]))
val_dataloader = dict(
    dataset=dict(
        type='AvailableDatasets', missing='skip', pipeline=test_pipeline,
        datasets=[_base_.ic15_scenes_test, _base_.ic15_more_test]))
test_dataloader = val_dataloader

# What is there changes gently.
optim_wrapper = dict(
    optimizer=dict(lr=1e-4), paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.3))))
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warm_up),
    dict(_base_.param_scheduler[1], begin=warm_up, end=max_iters, T_max=max_iters - warm_up),
]
train_cfg = dict(max_iters=max_iters, val_interval=500)
custom_hooks = [dict(type='EMAHook', momentum=5e-3, update_buffers=True)]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=250))

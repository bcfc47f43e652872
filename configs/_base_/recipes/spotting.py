# Detection and reading trained together, on whole scenes. A config adds a model and the scenes.
_base_ = ['../default_runtime.py', '../pipelines/scenes.py']

max_iters = 4000
warm_up = 200

train_dataloader = dict(
    batch_size=4, num_workers=1, persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True))
val_dataloader = dict(
    batch_size=1, num_workers=1, persistent_workers=True, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False))
test_dataloader = val_dataloader

val_evaluator = dict(type='E2EHmeanMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=5))
# Not OneCycleLR, which takes no notice of lr_mult.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=warm_up, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min_ratio=0.01, begin=warm_up, end=max_iters,
         T_max=max_iters - warm_up, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=500)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

visualizer = dict(_delete_=True, type='TextSpottingLocalVisualizer', name='visualizer',
                  vis_backends=_base_.vis_backends)

# A text spotter for CPUs: a narrow DBNet and the word reader of siga_tiny, trained together.
#
#   SIGA_REC_WEIGHTS=work_dirs/siga_tiny_mixed/iter_8500.pth \
#       mim train mmocr configs/spotting/siga_spotter_tiny.py
#   mim test mmocr configs/spotting/siga_spotter_tiny.py --checkpoint WEIGHTS.pth
#
# Scenes are looked for in $SIGA_DATA/real/ic15_scenes (docs/guides/data.md). SIGA_REC_WEIGHTS is a
# checkpoint of siga_tiny with the same dictionary; without it reading is learned from nothing.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/siga_spotter_tiny.py',
    '../_base_/datasets/scenes.py',
    '../_base_/pipelines/scenes.py',
]

max_iters = 4000
warm_up = 200
lr = 1e-3
# Reading goes on from a trained reader; 1.0 where it begins from nothing.
rec_lr = 0.2
scene_window = (384, 384)
scene_scale = (0.7, 1.4)

train_pipeline = _base_.train_pipeline
train_pipeline[2].update(size=scene_window, scale=scene_scale)
test_pipeline = _base_.test_pipeline
test_pipeline[1].update(scale=(1280, 736))

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(_base_.ic15_scenes_train, pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.ic15_scenes_test, pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(type='E2EHmeanMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=lr, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys={'rec_head': dict(lr_mult=rec_lr)}),
    clip_grad=dict(max_norm=5))
# Not OneCycleLR, which takes no notice of lr_mult.
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=warm_up, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.01,
        begin=warm_up,
        end=max_iters,
        T_max=max_iters - warm_up,
        by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=500)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=500))

visualizer = dict(_delete_=True, type='TextSpottingLocalVisualizer', name='visualizer',
                  vis_backends=_base_.vis_backends)

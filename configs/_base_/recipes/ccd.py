# Character-to-character distillation (CCD, ICCV 2023) with its schedule, for batches of 256. A
# config adds a model and words.
_base_ = ['../default_runtime.py', '../pipelines/word_views.py']

max_iters = 98_000_000 // 256
warm_up, freeze, own_masks = max_iters // 10, max_iters // 100, 31 * max_iters // 100

train_dataloader = dict(
    batch_size=64, num_workers=8, persistent_workers=True, pin_memory=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(type='CheckedTextDataset', unlabeled=True, pipeline=_base_.train_pipeline))

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.04),
    # Each tensor by itself.
    clip_grad=dict(type='tensor', max_norm=3),
    # Biases, normalizations and whatever else has one dimension do not decay.
    paramwise_cfg=dict(bias_decay_mult=0., norm_decay_mult=0., flat_decay_mult=0.))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=warm_up, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-6, begin=warm_up, end=max_iters,
         T_max=max_iters - warm_up, by_epoch=False),
    # From 0.04 to 0.4; groups without decay stay without.
    dict(type='CosineAnnealingParamScheduler', param_name='weight_decay', eta_min_ratio=10,
         begin=0, end=max_iters, T_max=max_iters, by_epoch=False),
]
custom_hooks = [
    dict(type='TeacherHook', momentum=0.9995),
    dict(
        type='LossScheduleHook',
        schedule={
            'own_masks': {own_masks: True},
            'student.head.frozen': {0: True, freeze: False},
        }),
    dict(type='SkipReportHook'),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters + 1)
val_cfg = None
# The directions do not learn at first, nor maps that nothing reads.
find_unused_parameters = True
auto_scale_lr = dict(base_batch_size=256)

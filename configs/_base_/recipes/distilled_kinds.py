# Real words of all kinds for a recognizer that begins with the weights of PP-OCRv6: a low rate for
# what is known, a higher one for parts that begin with nothing; the moving average of the weights
# is what is kept.
_base_ = [
    '../default_runtime.py',
    '../pipelines/height_48.py',
    '../datasets/real_words_kinds.py',
]

max_iters = 1500

train_dataloader = dict(
    batch_size=48, num_workers=1, persistent_workers=True,
    sampler=_base_.kinds_sampler,
    batch_sampler=dict(type='SimilarLengthBatchSampler'),
    dataset=dict(
        type='CheckedTextDataset',
        max_seq_len=80,
        pipeline=_base_.train_pipeline,
        dataset=dict(type='AvailableDatasets', datasets=_base_.kinds_train_list,
                     missing=_base_.real_words_missing)))
val_dataloader = dict(
    batch_size=1, num_workers=1, persistent_workers=True, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.kinds_val, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
val_evaluator = _base_.kinds_evaluator
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=4e-5, weight_decay=1e-4),
    clip_grad=dict(max_norm=5))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min_ratio=0.01, begin=50, end=max_iters,
         T_max=max_iters - 50, by_epoch=False),
]
custom_hooks = [
    dict(type='SkipReportHook'),
    dict(type='EMAHook', momentum=5e-3, update_buffers=True),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=500)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=250), logger=dict(interval=25))

# A budget for a CPU: AdamW and one cycle up to 1e-3, batches of 64.
max_iters = 4500

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=1e-4),
    clip_grad=dict(max_norm=5))
param_scheduler = [
    dict(type='OneCycleLR', eta_max=1e-3, total_steps=max_iters, pct_start=0.15, div_factor=20,
         final_div_factor=100, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=900)
# Without any set to validate on SIGA_MISSING=skip trains all the same.
val_cfg = dict(type='AvailableValLoop')
test_cfg = dict(type='TestLoop')

custom_hooks = [dict(type='SkipReportHook')]

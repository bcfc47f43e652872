# The reference's schedule for a global batch of 640: Adam and one cycle up to 4.5e-4.
max_iters = 160_000

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='Adam', lr=4.5e-4),
    clip_grad=dict(max_norm=5))
param_scheduler = [
    dict(type='OneCycleLR', eta_max=4.5e-4, total_steps=max_iters, div_factor=20,
         final_div_factor=1000, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=5000)
# Without any set to validate on SIGA_MISSING=skip trains all the same.
val_cfg = dict(type='AvailableValLoop')
test_cfg = dict(type='TestLoop')

# SIGA weights its alignment losses less and drops samples of noisy masks after 20,000 iterations.
# The reference's bound of 1.0 on its doubly softmaxed loss is 1.47 on the plain cross-entropy.
custom_hooks = [
    dict(
        type='LossScheduleHook',
        schedule={
            'glyph_head.loss_alignment.loss_weight': {20000: 0.3},
            'glyph_head.loss_mask.ignore_above': {20000: 1.47},
        }),
    dict(type='SkipReportHook'),
]

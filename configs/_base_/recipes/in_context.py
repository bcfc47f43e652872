# The schedule of E2STR's first stage: ten epochs of Union14M-L, 256 words a step over all GPUs.
_base_ = ['mj_st.py']

max_iters = 10 * 3_230_742 // 256

train_dataloader = dict(batch_size=32, dataset=dict(dataset=_base_.union14m_train))
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.01))
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min=1e-8, T_max=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters)
default_hooks = dict(warm_start=dict(type='WarmStartHook', checkpoint=None))
auto_scale_lr = dict(base_batch_size=256)
custom_hooks = [dict(type='SkipReportHook')]

# What every config of this package shares; importing the package registers its components.
_base_ = ['glyph_visualization.py']

custom_imports = dict(imports=['mmocr_siga'], allow_failed_imports=False)

default_scope = 'mmocr'
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'))
randomness = dict(seed=None)

default_hooks = dict(
    runtime_info=dict(type='DeferredRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=100),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=5000, max_keep_ckpts=3),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffer=dict(type='SyncBuffersHook'),
    visualization=dict(type='VisualizationHook', interval=1, enable=False, show=False,
                       draw_gt=False, draw_pred=False))

log_level = 'INFO'
log_processor = dict(type='LogProcessor', window_size=50, by_epoch=False)
load_from = None
resume = False

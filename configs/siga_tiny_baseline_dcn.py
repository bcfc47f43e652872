# siga_tiny_baseline with deformable convolutions (DCNv2) after the second and third stage, where
# they begin with nothing; for words that are curved and turned.
_base_ = ['siga_tiny_baseline.py']

model = dict(
    backbone=dict(plugins=[
        dict(
            cfg=dict(type='mmocr.DeformableConv2d', residual=True),
            stages=(False, True, True, False), position='after_stage')
    ]))

# One cycle, as siga_tiny_baseline has it, but not by OneCycleLR, which takes no notice of lr_mult.
warm_up = 675
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'conv_offset': dict(lr_mult=0.1)}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, end=warm_up, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min_ratio=5e-4, begin=warm_up, end=_base_.max_iters,
         T_max=_base_.max_iters - warm_up, by_epoch=False),
]

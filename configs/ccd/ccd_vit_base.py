# ccd_vit_small with 512 channels, for batches of 192 (4 x 48). The gains of the directions are 1.
_base_ = ['ccd_vit_small.py']

channels = 512
model = dict(
    backbone=dict(embed_dim=channels, num_heads=8),
    segmentation=dict(in_channels=channels),
    head=dict(in_channels=channels, train_gain=False))

max_iters = 98_000_000 // 192
warm_up, freeze, own_masks = max_iters // 10, max_iters // 100, 31 * max_iters // 100

train_dataloader = dict(batch_size=48)
optim_wrapper = dict(optimizer=dict(lr=5e-4 * 192 / 256))
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warm_up),
    dict(_base_.param_scheduler[1], begin=warm_up, end=max_iters, T_max=max_iters - warm_up),
    dict(_base_.param_scheduler[2], end=max_iters, T_max=max_iters),
]
custom_hooks = [
    _base_.custom_hooks[0],
    dict(
        type='LossScheduleHook',
        schedule={
            'own_masks': {own_masks: True},
            'student.head.frozen': {0: True, freeze: False},
        }),
    _base_.custom_hooks[2],
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters + 1)
auto_scale_lr = dict(base_batch_size=192)

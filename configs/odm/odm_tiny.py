# ODM for CPUs: the backbone and neck of siga_spotter_tiny, 2,000 steps of 4 windows of 384 pixels.
#
#   mim train mmocr configs/odm/odm_tiny.py
#
# L3 needs large batches and is off; model.loss_glyph=None leaves L2 out as well.
_base_ = ['../_base_/models/tiny_spotter.py', '../_base_/recipes/odm.py']

max_iters = 2000
warm_up = 100

spotter = _base_.model
model = dict(
    _delete_=True,
    type='ODMPretrainer',
    data_preprocessor=spotter.data_preprocessor,
    backbone=spotter.backbone,
    neck=spotter.neck,
    text_encoder=dict(type='WordTextEncoder', dictionary=_base_.prompt_dictionary,
                      out_channels=128, num_layers=3),
    decoder=dict(type='TextImageDecoder', in_channels=128, channels=128, num_layers=4,
                 pool_heads=4),
    head=dict(type='DestylisationHead', in_channels=64, widths=(32, 16)),
    fusion='residual',
    loss_contrast=None)

train_pipeline = [
    dict(t, size=(384, 384), angle=15.0) if t['type'] == 'RandomSceneWindow' else t
    for t in _base_.train_pipeline
]
train_dataloader = dict(
    batch_size=4, num_workers=1, pin_memory=False,
    dataset=dict(size=(512, 512), pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(size=(384, 384)))
test_dataloader = val_dataloader

optim_wrapper = dict(
    optimizer=dict(lr=1e-3, weight_decay=0.01), clip_grad=dict(max_norm=5))
param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=0.1, end=warm_up),
    dict(_base_.param_scheduler[1], begin=warm_up, end=max_iters, T_max=max_iters - warm_up),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(
    logger=dict(interval=20), checkpoint=dict(interval=500), glyphs=dict(interval=500))

# siga_spotter_tiny on four scenes, trained and tested on the same: whether it can learn at all.
#
#   mim train mmocr configs/spotting/siga_spotter_tiny_overfit.py \
#       --cfg-options model.rec_head.weights=work_dirs/siga_tiny_mixed/iter_8500.pth
_base_ = ['siga_spotter_tiny.py']

max_iters = 800
warm_up = 20
# img_58, img_169, img_273 and img_647 of the 50 training scenes: words that lie, and letters and
# digits alone, so that all of them can be read.
overfit_scenes = [2, 7, 14, 29]

train_pipeline = [
    dict(t, size=(320, 320), scale=(0.9, 1.1), aspect=1.05, angle=3.0, word_prob=0.8)
    if t['type'] == 'RandomSceneWindow' else t for t in _base_.train_pipeline
]

# The detector begins from nothing and needs many windows, the reader few words.
model = dict(max_regions=16)
train_dataloader = dict(
    batch_size=8, dataset=dict(indices=overfit_scenes, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(
        part='train', indices=overfit_scenes, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(
    optimizer=dict(lr=2e-3), paramwise_cfg=dict(custom_keys={'rec_head': dict(lr_mult=0.1)}))
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warm_up),
    dict(_base_.param_scheduler[1], begin=warm_up, end=max_iters, T_max=max_iters - warm_up),
]
train_cfg = dict(max_iters=max_iters, val_interval=100)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=100))

# DBNet with the trunk, neck and head of PP-OCRv6's small detector, which finds lines, trained on to
# find words.
#
#   pip install '.[trunks]'
#   mim train mmocr configs/textdet/dbnet_lcnetv4.py --amp
#   mim test mmocr configs/textdet/dbnet_lcnetv4.py --checkpoint WEIGHTS.pth
#
# Scenes are looked for in $SIGA_DATA/real/ic15_scenes and ic15_scenes_more (docs/guides/data.md).
_base_ = [
    '../_base_/models/lcnet_v4_detector.py',
    '../_base_/recipes/spotting.py',
    '../_base_/datasets/scenes.py',
]

max_iters = 1500
warm_up = 50

# As the trunk knows pictures: at least 736 pixels high and wide; only large ones are reduced.
test_pipeline = [
    dict(t, scale=(2000, 736), enlarge_only=True) if t['type'] == 'FitScene' else t
    for t in _base_.test_pipeline
]

train_dataloader = dict(
    dataset=dict(
        type='AvailableDatasets', missing='skip', pipeline=_base_.train_pipeline,
        datasets=[_base_.ic15_scenes_train, _base_.ic15_more_train]))
val_dataloader = dict(
    dataset=dict(
        type='AvailableDatasets', missing='skip', pipeline=test_pipeline,
        datasets=[_base_.ic15_scenes_test, _base_.ic15_more_test]))
test_dataloader = val_dataloader

val_evaluator = dict(_delete_=True, type='HmeanIOUMetric')
test_evaluator = val_evaluator

# What is there changes gently; the threshold branch begins from nothing.
optim_wrapper = dict(
    optimizer=dict(lr=1e-4),
    paramwise_cfg=dict(custom_keys={
        'backbone': dict(lr_mult=0.3),
        'det_head.threshold': dict(lr_mult=10)}))
param_scheduler = [
    dict(_base_.param_scheduler[0], end=warm_up),
    dict(_base_.param_scheduler[1], begin=warm_up, end=max_iters, T_max=max_iters - warm_up),
]
train_cfg = dict(max_iters=max_iters, val_interval=500)
custom_hooks = [dict(type='EMAHook', momentum=5e-3, update_buffers=True)]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=250))

visualizer = dict(type='TextDetLocalVisualizer')

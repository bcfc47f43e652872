# A text spotter for CPUs: a narrow DBNet and the word reader of siga_tiny, trained together.
#
#   mim train mmocr configs/spotting/siga_spotter_tiny.py \
#       --cfg-options model.rec_head.weights=work_dirs/siga_tiny_mixed/iter_8500.pth
#   mim test mmocr configs/spotting/siga_spotter_tiny.py --checkpoint WEIGHTS.pth
#
# Scenes are looked for in $SIGA_DATA/real/ic15_scenes (docs/guides/data.md). The weights are a
# checkpoint of siga_tiny with the same dictionary; without them reading is learned from nothing.
_base_ = [
    '../_base_/models/tiny_spotter.py',
    '../_base_/recipes/spotting.py',
    '../_base_/datasets/scenes.py',
]

train_pipeline = [
    dict(t, size=(384, 384), scale=(0.7, 1.4)) if t['type'] == 'RandomSceneWindow' else t
    for t in _base_.train_pipeline
]
test_pipeline = [
    dict(t, scale=(1280, 736)) if t['type'] == 'FitScene' else t for t in _base_.test_pipeline
]

train_dataloader = dict(dataset=dict(_base_.ic15_scenes_train, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(_base_.ic15_scenes_test, pipeline=test_pipeline))
test_dataloader = val_dataloader

# Reading goes on from a trained reader; 1.0 where it begins from nothing.
rec_lr = 0.2
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={'rec_head': dict(lr_mult=rec_lr)}))
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=500))

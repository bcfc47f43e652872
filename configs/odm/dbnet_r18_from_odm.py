# MMOCR's DBNet with ResNet-18 from what odm_r18 has learned; its own recipe is as good a place:
# default_hooks.warm_start is all that it takes.
#
#   SIGA_ODM=work_dirs/odm_r18/iter_300000.pth \
#       mim train mmocr configs/odm/dbnet_r18_from_odm.py --amp
_base_ = [
    '../_base_/models/dbnet_r18_spotter.py',
    '../_base_/recipes/detection.py',
    '../_base_/datasets/scenes.py',
]

spotter = _base_.model
model = dict(
    _delete_=True,
    type='DBNet',
    data_preprocessor=spotter.data_preprocessor,
    backbone=dict(spotter.backbone, init_cfg=None),
    neck=spotter.neck,
    det_head=spotter.det_head)

train_dataloader = dict(
    batch_size=16, num_workers=8,
    dataset=dict(
        type='AvailableDatasets', missing='skip', pipeline=_base_.train_pipeline,
        datasets=[_base_.ic15_scenes_train, _base_.ic15_more_train]))
val_dataloader = dict(
    dataset=dict(
        type='AvailableDatasets', missing='skip', pipeline=_base_.test_pipeline,
        datasets=[_base_.ic15_scenes_test, _base_.ic15_more_test]))
test_dataloader = val_dataloader
default_hooks = dict(
    warm_start=dict(
        type='WarmStartHook', checkpoint='{{$SIGA_ODM:work_dirs/odm_r18/iter_300000.pth}}',
        parts={'backbone.': 'backbone.', 'neck.': 'neck.'}))

# siga_spotter_dbnet_r18 with CLIP's ResNet-50, from the backbone that odm_r50 has learned.
#
#   SIGA_ODM=work_dirs/odm_r50/iter_300000.pth \
#       mim train mmocr configs/odm/siga_spotter_dbnet_r50_from_odm.py --amp
_base_ = ['../spotting/siga_spotter_dbnet_r18.py']

model = dict(
    backbone=dict(
        _delete_=True, type='CLIPResNet', norm_cfg=dict(type='BN'), norm_eval=False),
    neck=dict(in_channels=[256, 512, 1024, 2048]))
default_hooks = dict(
    warm_start=dict(
        type='WarmStartHook', checkpoint='{{$SIGA_ODM:work_dirs/odm_r50/iter_300000.pth}}',
        parts={'backbone.': 'backbone.'}))

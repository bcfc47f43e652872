# MMOCR's DBNet with CLIP's ResNet-50 from the backbone that odm_r50 has learned.
#
#   SIGA_ODM=work_dirs/odm_r50/iter_300000.pth \
#       mim train mmocr configs/odm/dbnet_r50_from_odm.py --amp
_base_ = ['dbnet_r18_from_odm.py']

model = dict(
    backbone=dict(
        _delete_=True, type='CLIPResNet', norm_cfg=dict(type='BN'), norm_eval=False,
        init_cfg=None),
    neck=dict(in_channels=[256, 512, 1024, 2048]))
default_hooks = dict(
    warm_start=dict(
        checkpoint='{{$SIGA_ODM:work_dirs/odm_r50/iter_300000.pth}}',
        parts=dict(_delete_=True, **{'backbone.': 'backbone.'})))

# configs/spotting/siga_spotter_dbnet_r18.py from the backbone and neck that odm_r18 has learned.
#
#   SIGA_ODM=work_dirs/odm_r18/iter_300000.pth \
#       mim train mmocr configs/odm/siga_spotter_dbnet_r18_from_odm.py --amp
_base_ = ['../spotting/siga_spotter_dbnet_r18.py']

model = dict(backbone=dict(init_cfg=None))
default_hooks = dict(
    warm_start=dict(
        type='WarmStartHook', checkpoint='{{$SIGA_ODM:work_dirs/odm_r18/iter_300000.pth}}',
        parts={'backbone.': 'backbone.', 'neck.': 'neck.'}))

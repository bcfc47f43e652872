# configs/textdet/dbnet_lcnetv4.py from the trunk and neck that odm_lcnetv4 has learned.
#
#   SIGA_ODM=work_dirs/odm_lcnetv4/iter_300000.pth \
#       mim train mmocr configs/odm/dbnet_lcnetv4_from_odm.py --amp
_base_ = ['../textdet/dbnet_lcnetv4.py']

default_hooks = dict(
    warm_start=dict(
        type='WarmStartHook', checkpoint='{{$SIGA_ODM:work_dirs/odm_lcnetv4/iter_300000.pth}}',
        parts={'backbone.': 'backbone.', 'neck.': 'neck.'}))

# lcnet_v4_ctc, whose trunk went on without labels: $SIGA_CCD, a checkpoint of ccd_lcnet_v4.
_base_ = ['../lcnet_v4_ctc.py']

default_hooks = dict(
    warm_start=dict(
        type='WarmStartHook',
        checkpoint='{{$SIGA_CCD:work_dirs/ccd_lcnet_v4/iter_3000.pth}}',
        parts={'backbone.': 'teacher.backbone.'}))

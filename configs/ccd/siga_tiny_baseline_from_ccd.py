# siga_tiny without glyphs, whose backbone is pre-trained without labels: $SIGA_CCD, a checkpoint of
# ccd_siga_tiny.
_base_ = ['../siga_tiny_baseline.py']

default_hooks = dict(
    warm_start=dict(
        type='WarmStartHook',
        checkpoint='{{$SIGA_CCD:work_dirs/ccd_siga_tiny/iter_3000.pth}}',
        parts={f'backbone.{part}.': f'teacher.backbone.{part}.'
               for part in ('stem_layers', 'layer1', 'layer2')}))

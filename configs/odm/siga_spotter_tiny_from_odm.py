# configs/spotting/siga_spotter_tiny.py from the backbone and neck that odm_tiny has learned;
# model.rec_head.weights is, as there, a trained reader.
#
#   SIGA_ODM=work_dirs/odm_tiny/iter_2000.pth \
#       mim train mmocr configs/odm/siga_spotter_tiny_from_odm.py \
#       --cfg-options model.rec_head.weights=work_dirs/siga_tiny_mixed/iter_8500.pth
_base_ = ['../spotting/siga_spotter_tiny.py']

default_hooks = dict(
    warm_start=dict(
        type='WarmStartHook', checkpoint='{{$SIGA_ODM:work_dirs/odm_tiny/iter_2000.pth}}',
        parts={'backbone.': 'backbone.', 'neck.': 'neck.'}))

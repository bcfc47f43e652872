# DBNet with a ResNet-18 of a quarter of its width: the detector of siga_spotter_tiny alone.
_base_ = ['tiny_spotter.py']

spotter = _base_.model
model = dict(
    _delete_=True,
    type='DBNet',
    data_preprocessor=spotter.data_preprocessor,
    backbone=spotter.backbone,
    neck=spotter.neck,
    det_head=spotter.det_head)

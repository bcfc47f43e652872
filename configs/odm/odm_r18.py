# ODM for the backbone and the neck of MMOCR's DBNet with ResNet-18, and of siga_spotter_dbnet_r18.
#
#   mim train mmocr configs/odm/odm_r18.py --amp
_base_ = ['../_base_/models/dbnet_r18_spotter.py', '../_base_/recipes/odm.py']

spotter = _base_.model
model = dict(
    _delete_=True,
    type='ODMPretrainer',
    data_preprocessor=spotter.data_preprocessor,
    backbone=spotter.backbone,
    neck=spotter.neck,
    text_encoder=dict(type='WordTextEncoder', dictionary=_base_.prompt_dictionary),
    decoder=dict(type='TextImageDecoder', in_channels=512, pool_heads=8),
    head=dict(type='DestylisationHead', in_channels=256),
    fusion='residual')

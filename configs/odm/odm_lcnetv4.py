# ODM for the trunk and neck of PP-OCRv6's detector, from its published weights.
#
#   pip install '.[trunks]'
#   mim train mmocr configs/odm/odm_lcnetv4.py --amp
_base_ = ['../_base_/models/lcnet_v4_detector.py', '../_base_/recipes/odm.py']

detector = _base_.model
model = dict(
    _delete_=True,
    type='ODMPretrainer',
    data_preprocessor=detector.data_preprocessor,
    backbone=detector.backbone,
    neck=detector.neck,
    text_encoder=dict(type='WordTextEncoder', dictionary=_base_.prompt_dictionary,
                      out_channels=256),
    decoder=dict(type='TextImageDecoder', in_channels=384, channels=256, num_layers=4,
                 pool_heads=6),
    head=dict(type='DestylisationHead', in_channels=96, widths=(64, 32)),
    fusion='residual')

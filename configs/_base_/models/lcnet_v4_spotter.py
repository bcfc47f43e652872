# The detector and the recognizer of PP-OCRv6's trunk as one: regions of 48 x 160 pixels are read by
# the parts of siga_lcnet_v4 and its first reader, CTC, to whose maps the detector's features are
# added.
_base_ = ['lcnet_v4_siga.py', 'lcnet_v4_detector_parts.py']

model = dict(
    _delete_=True,
    type='SIGASpotter',
    data_preprocessor=_base_.detector.data_preprocessor,
    backbone=_base_.detector.backbone,
    neck=_base_.detector.neck,
    det_head=_base_.detector.det_head,
    rec_head=dict(
        type='SIGARecHead',
        reads='picture', shared_channels=96,
        # A checkpoint of siga_lcnet_v4 to start reading from; else it is the trunk and its CTC.
        weights=None,
        backbone=_base_.model.backbone,
        encoder=_base_.model.encoder,
        decoder=_base_.first,
        glyph_head=_base_.model.glyph_head),
    rectifier=dict(type='RegionRectifier', size=(12, 40)),
    picture_rectifier=dict(type='RegionRectifier', size=(48, 160)),
    max_regions=32)

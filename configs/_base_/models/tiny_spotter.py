# DBNet with a ResNet-18 of a quarter of its width, and the word reader of siga_tiny over it.
_base_ = ['tiny_siga.py']

model = dict(
    _delete_=True,
    type='SIGASpotter',
    data_preprocessor=dict(
        type='TextDetDataPreprocessor', bgr_to_rgb=True, pad_size_divisor=32,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(
        type='mmdet.ResNet',
        depth=18, stem_channels=16, base_channels=16, num_stages=4,
        out_indices=(0, 1, 2, 3), norm_cfg=dict(type='BN', requires_grad=True),
        norm_eval=False, style='caffe'),
    neck=dict(type='FPNC', in_channels=[16, 32, 64, 128], lateral_channels=64, out_channels=16),
    det_head=dict(
        type='DBHead',
        in_channels=64,
        module_loss=dict(
            type='DBModuleLoss',
            # A scene without words teaches, too.
            loss_prob=dict(type='MaskedBalancedBCEWithLogitsLoss', fallback_negative_num=2000)),
        # Detections lower than the words that are learned (min_sidelength) are specks.
        postprocessor=dict(
            type='DBPostprocessor', text_repr_type='quad', min_text_score=0.4, min_text_width=8)),
    rec_head=dict(
        type='SIGARecHead',
        reads='picture', shared_channels=64,
        # A checkpoint of siga_tiny with the same dictionary to start reading from.
        weights=None,
        backbone=_base_.model.backbone,
        encoder=_base_.model.encoder,
        decoder=_base_.model.decoder,
        glyph_head=_base_.model.glyph_head),
    rectifier=dict(type='RegionRectifier', size=(16, 64)),
    picture_rectifier=dict(type='RegionRectifier', size=(32, 128)),
    max_regions=32)

# MMOCR's DBNet with ResNet-18 and FPN, and SIGA over its features.
_base_ = ['resnet31_siga.py']

model = dict(
    _delete_=True,
    type='SIGASpotter',
    data_preprocessor=dict(
        type='TextDetDataPreprocessor', bgr_to_rgb=True, pad_size_divisor=32,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(
        type='mmdet.ResNet',
        depth=18, num_stages=4, out_indices=(0, 1, 2, 3), frozen_stages=-1,
        norm_cfg=dict(type='BN', requires_grad=True),
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet18'),
        norm_eval=False, style='caffe'),
    neck=dict(type='FPNC', in_channels=[64, 128, 256, 512], lateral_channels=256),
    det_head=dict(
        type='DBHead',
        in_channels=256,
        module_loss=dict(
            type='DBModuleLoss',
            # A scene without words teaches, too.
            loss_prob=dict(type='MaskedBalancedBCEWithLogitsLoss', fallback_negative_num=5000)),
        # Detections lower than the words that are learned (min_sidelength) are specks.
        postprocessor=dict(type='DBPostprocessor', text_repr_type='quad', min_text_width=8)),
    # The features have a quarter of the picture's resolution, five rows for a word of 20 pixels:
    # strokes are read from the picture, and the features added to each map made of it.
    rec_head=dict(
        type='SIGARecHead',
        reads='picture', shared_channels=256,
        # A checkpoint of a recognizer with the same parts and dictionary to start reading from.
        weights=None,
        backbone=dict(
            type='ResNet',
            in_channels=3, stem_channels=[32], block_cfgs=dict(type='BasicBlock'),
            arch_layers=[1, 2, 2, 1], arch_channels=[64, 128, 256, 256],
            strides=[(2, 2), (2, 2), (2, 1), (2, 1)], out_indices=[0, 1, 3],
            init_cfg=[dict(type='Kaiming', layer='Conv2d'),
                      dict(type='Constant', val=1, layer='BatchNorm2d')]),
        encoder=dict(_base_.model.encoder, in_channels=(64, 128, 256), row_convs=1),
        decoder=_base_.model.decoder,
        glyph_head=dict(
            _base_.model.glyph_head,
            aligner=dict(type='ImplicitAligner', in_channels=256, hidden_size=256))),
    rectifier=dict(type='RegionRectifier', size=(16, 64)),
    picture_rectifier=dict(type='RegionRectifier', size=(32, 128), samples=2),
    max_regions=128)

# CCD for the backbone of siga_tiny, on a CPU. Characters are means of the map of 8 x 32: stem and
# first two stages learn. The others would only cost time, and are left out.
#
#   mim train mmocr configs/ccd/ccd_siga_tiny.py --amp
#   SIGA_CCD=work_dirs/ccd_siga_tiny/iter_3000.pth mim train mmocr configs/ccd/siga_tiny_from_ccd.py
_base_ = ['../_base_/models/tiny_siga.py', '../_base_/recipes/ccd_tiny.py']

model = dict(
    _delete_=True,
    type='CharacterDistiller',
    channels_last=True,
    data_preprocessor=dict(
        type='WordViewsPreprocessor', bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(_base_.model.backbone, arch_layers=[1, 1], arch_channels=[32, 64],
                  strides=[(2, 2), (2, 2)], out_indices=[0, 1]),
    segmentation=dict(type='SegmentationHead', in_channels=(32, 64), channels=64, up_channels=32),
    taps=(0, 1),
    head=dict(type='DistillationHead', in_channels=64, out_channels=4096),
    feature=1)

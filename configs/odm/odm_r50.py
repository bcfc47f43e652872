# ODM with CLIP's ResNet-50, as in the paper: the backbone of MMOCR's oCLIP configs.
#
#   one GPU:    mim train mmocr configs/odm/odm_r50.py --amp
#   two GPUs:   mim train mmocr configs/odm/odm_r50.py --amp --launcher pytorch --gpus 2
#
# What differs from the paper, and the data: docs/guides/odm.md.
_base_ = ['../_base_/recipes/odm.py']

model = dict(
    type='ODMPretrainer',
    data_preprocessor=dict(
        type='TextDetDataPreprocessor', bgr_to_rgb=True, pad_size_divisor=32,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(type='CLIPResNet', norm_cfg=dict(type='BN'), norm_eval=False,
                  zero_init_residual=True),
    text_encoder=dict(type='WordTextEncoder', dictionary=_base_.prompt_dictionary),
    decoder=dict(type='TextImageDecoder', in_channels=2048),
    head=dict(type='DestylisationHead', in_channels=(256, 512, 1024, 2048, 512)),
    fusion='level')

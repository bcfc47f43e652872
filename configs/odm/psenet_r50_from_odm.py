# MMOCR's PSENet with CLIP's ResNet-50 from the backbone that odm_r50 has learned.
#
#   SIGA_ODM=work_dirs/odm_r50/iter_300000.pth \
#       mim train mmocr configs/odm/psenet_r50_from_odm.py --amp
#
# Its last step, from maps to outlines, is a compiled operator: with mmcv-lite it trains and is not
# validated; mim test needs a full mmcv.
_base_ = ['dbnet_r50_from_odm.py']

model = dict(
    _delete_=True,
    type='PSENet',
    data_preprocessor=_base_.model.data_preprocessor,
    backbone=dict(type='CLIPResNet', norm_cfg=dict(type='BN'), norm_eval=False),
    neck=dict(
        type='FPNF', in_channels=[256, 512, 1024, 2048], out_channels=256,
        fusion_type='concat'),
    det_head=dict(
        type='PSEHead', in_channels=[256], hidden_dim=256, out_channel=7,
        module_loss=dict(type='PSEModuleLoss'),
        postprocessor=dict(type='PSEPostprocessor', text_repr_type='poly')))
# Nothing is validated before the end.
train_cfg = dict(val_interval=1_000_000, val_begin=1_000_000)

# MMOCR's FCENet with CLIP's ResNet-50 from the backbone that odm_r50 has learned.
#
#   SIGA_ODM=work_dirs/odm_r50/iter_300000.pth \
#       mim train mmocr configs/odm/fcenet_r50_from_odm.py --amp
_base_ = ['dbnet_r50_from_odm.py']

model = dict(
    _delete_=True,
    type='FCENet',
    data_preprocessor=_base_.model.data_preprocessor,
    backbone=dict(
        type='CLIPResNet', norm_cfg=dict(type='BN'), norm_eval=False, out_indices=(1, 2, 3)),
    neck=dict(
        type='mmdet.FPN', in_channels=[512, 1024, 2048], out_channels=256,
        add_extra_convs='on_output', num_outs=3, relu_before_extra_convs=True, act_cfg=None),
    det_head=dict(
        type='FCEHead', in_channels=256, fourier_degree=5,
        module_loss=dict(type='FCEModuleLoss', num_sample=50),
        postprocessor=dict(
            type='FCEPostprocessor', scales=(8, 16, 32), text_repr_type='quad',
            num_reconstr_points=50, alpha=1.2, beta=1.0, score_thr=0.3)))

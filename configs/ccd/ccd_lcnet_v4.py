# CCD for the trunk of PP-OCRv6's small recognizer, which goes on from the published weights on
# words of one's own. Characters are means of its last map, 3 x 48 for words of 48 x 192.
#
#   pip install '.[trunks]'
#   mim train mmocr configs/ccd/ccd_lcnet_v4.py --amp
#   SIGA_CCD=work_dirs/ccd_lcnet_v4/iter_3000.pth \
#       mim train mmocr configs/ccd/lcnet_v4_ctc_from_ccd.py
_base_ = ['../_base_/models/lcnet_v4_recognizer.py', '../_base_/recipes/ccd_tiny.py']

min_pixels = 68  # as many as 30 of 32 x 128
model = dict(
    _delete_=True,
    type='CharacterDistiller',
    channels_last=True,
    data_preprocessor=dict(
        type='WordViewsPreprocessor', mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=_base_.model.backbone,
    segmentation=dict(type='SegmentationHead', in_channels=(96, 192), channels=64,
                      trunk_scale=(2, 1), up_channels=32, scales=((2, 2), (2, 2))),
    taps=(0, 1),
    head=dict(type='DistillationHead', in_channels=384, out_channels=4096),
    feature=2,
    min_pixels=min_pixels)

train_pipeline = [
    dict(t, size=(192, 48), min_pixels=min_pixels) if t['type'] == 'WordViewPair' else t
    for t in _base_.train_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
# What is known goes on gently.
optim_wrapper = dict(
    optimizer=dict(lr=2e-4),
    paramwise_cfg=dict(custom_keys={'student.backbone': dict(lr_mult=0.1)}))

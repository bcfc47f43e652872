# SIGA_S of the paper: TPS and SVTR-Large at 48x160.
#
#   2 GPUs: mim train mmocr projects/siga/configs/siga_s.py --amp --launcher pytorch --gpus 2
#   test:   mim test mmocr projects/siga/configs/siga_s.py \
#               --checkpoint work_dirs/siga_s/iter_160000.pth
#
# The schedule is for a global batch of 640 (2 x 320). Batches for 1 and 8 GPUs: README.md.
_base_ = ['siga_r.py']

model = dict(
    preprocessor=dict(output_size=(48, 160)),
    # Outputs: 96 x 24 x 80, 192 x 12 x 40, 256 x 6 x 40, and columns 384 x 1 x 40.
    backbone=dict(_delete_=True, type='SIGASVTR', img_size=(48, 160)),
    encoder=dict(in_channels=(96, 192, 256, 384), pyramid_scale=(2, 1)),
    glyph_head=dict(
        aligner=dict(in_channels=384),
        segmentation=dict(skip_channels=96, scales=((2, 2), (2, 2)))))

train_pipeline = [
    dict(t, scale=(160, 48)) if t['type'] == 'Resize' else t for t in _base_.train_pipeline
]
test_pipeline = [
    dict(t, scale=(160, 48)) if t['type'] == 'Resize' else t for t in _base_.test_pipeline
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

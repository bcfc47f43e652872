# SIGA_R of the paper: TPS, ABINet's ResNet45, 32x128; the arithmetic of the released weights
# (tools/convert_reference_weights.py).
#
#   2 GPUs: mim train mmocr projects/siga/configs/siga_r.py --amp --launcher pytorch --gpus 2
#   test:   mim test mmocr projects/siga/configs/siga_r.py \
#               --checkpoint work_dirs/siga_r/iter_160000.pth
#
# The schedule is for a global batch of 640 (2 x 320). Batches for 1 and 8 GPUs: README.md.
_base_ = ['../../../configs/siga_r31.py']

model = dict(
    # An eighth faster on a CPU.
    channels_last=True,
    # Trained from the identity. Reference weights are fine-tuned with frozen=True.
    preprocessor=dict(
        type='TPSRectifier', in_channels=3, output_size=(32, 128), num_points=20, frozen=False),
    # Outputs: 32 x 32 x 128, 64 x 16 x 64, 256 x 8 x 32, and columns 512 x 1 x 32.
    backbone=dict(_delete_=True, type='SIGAResNet45'),
    encoder=dict(
        in_channels=(32, 64, 256, 512), pyramid=(1, 2), row_convs=0, column_context=False),
    glyph_head=dict(skip=0, segmentation=dict(skip_channels=32)))

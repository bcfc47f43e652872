# Student and teacher on a vision transformer with patches of 4 pixels: ViT-Small. Needs timm:
#
#   pip install "timm>=1.0"
channels = 384

model = dict(
    type='CharacterDistiller',
    data_preprocessor=dict(
        type='WordViewsPreprocessor', bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    # Outputs: tokens of 8 x 32 after blocks 2, 4, 6 and 12.
    backbone=dict(
        type='SIGAViT', embed_dim=channels, num_heads=6, taps=(2, 4, 6), column_channels=None,
        drop_path_rate=0.1),
    segmentation=dict(type='TokenSegmentationHead', in_channels=channels),
    head=dict(type='DistillationHead', in_channels=channels, out_channels=65536))

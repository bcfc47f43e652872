# E2STR at full size: ViT-B with patches of 4 pixels, 64 latents a picture, and a GPT of the size of
# OPT-125M that reads characters. Needs timm:
#
#   pip install "timm>=1.0"
_base_ = ['../dictionary.py']

channels = 768

model = dict(
    type='InContextRecognizer',
    data_preprocessor=dict(
        type='WordDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True),
    # Outputs: tokens of 8 x 32.
    backbone=dict(type='SIGAViT', embed_dim=channels, taps=(), column_channels=None),
    encoder=dict(
        type='ImageTokenEncoder', in_channels=channels, channels=channels, size=(8, 32),
        resampler=dict(num_latents=64, num_layers=6, num_heads=8, head_channels=64)),
    decoder=dict(
        type='InContextDecoder',
        dictionary=_base_.dictionary, channels=channels, num_layers=12, num_heads=12,
        inner_channels=3072, dropout=0.1, cross_heads=8, cross_channels=64,
        # Nothing was trained before that gates from 0 would protect.
        gate_init=1.0, smear=False, max_seq_len=25))

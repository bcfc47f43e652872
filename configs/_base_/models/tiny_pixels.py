# No backbone: a Transformer reads single pixels, and the baseline's decoder attends to them.
_base_ = ['tiny_baseline.py']

model = dict(
    backbone=None,
    encoder=dict(
        _delete_=True,
        type='PixelTokenEncoder',
        tokens=512, select='edge', embed_dim=128, depth=4, num_heads=4, inner_channels=256,
        position='fourier', dropout=0.0))

# ccd_vit_small with half the channels.
_base_ = ['ccd_vit_small.py']

channels = 192
model = dict(
    backbone=dict(embed_dim=channels, num_heads=3),
    segmentation=dict(in_channels=channels),
    head=dict(in_channels=channels))

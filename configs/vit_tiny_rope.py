# vit_tiny with rotary positions (RoFormer, RoPE-ViT) in the place of learned ones.
_base_ = ['vit_tiny.py']

model = dict(backbone=dict(position='rope'))

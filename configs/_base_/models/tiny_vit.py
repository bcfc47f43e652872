# A vision transformer of four layers in the place of the baseline's ResNet, with its attention
# decoder: what learned positions, rotary ones and free widths are compared by. Needs timm.
#
#   pip install '.[vit]'
_base_ = ['tiny_baseline.py']

model = dict(
    # Outputs: tokens 128 x 8 x 32, columns 128 x 1 x 32.
    backbone=dict(
        _delete_=True,
        type='SIGAViT',
        embed_dim=128, depth=4, num_heads=4, taps=(), column_channels=128, position='learned'),
    encoder=dict(in_channels=(128, 128), row_convs=0, recurrent=False))

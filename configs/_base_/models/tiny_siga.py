# SIGA with every part in less than 6 M parameters, for training on a CPU.
_base_ = ['resnet31_siga.py']

model = dict(
    channels_last=True,
    # Outputs: 32 x 16 x 64, 64 x 8 x 32, 192 x 2 x 32.
    backbone=dict(
        _delete_=True,
        type='ResNet',
        in_channels=3, stem_channels=[16], block_cfgs=dict(type='BasicBlock'),
        arch_layers=[1, 1, 2, 1], arch_channels=[32, 64, 128, 192],
        strides=[(2, 2), (2, 2), (2, 1), (2, 1)], out_indices=[0, 1, 3],
        init_cfg=[dict(type='Kaiming', layer='Conv2d'),
                  dict(type='Constant', val=1, layer='BatchNorm2d')]),
    encoder=dict(
        in_channels=(32, 64, 192), row_convs=1, fusion_channels=64, hidden_size=128),
    decoder=dict(in_channels=128, hidden_size=128, output_size=256, dropout=0.1),
    glyph_head=dict(
        in_channels=128, hidden_size=128,
        aligner=dict(in_channels=192, hidden_size=128),
        segmentation=dict(in_channels=(64, ), up_channels=32)))

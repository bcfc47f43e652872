# SRN with every part in less than 4 M parameters, for 32 x 128 inputs.
_base_ = ['../dictionary.py']

model = dict(
    type='GlyphRecognizer',
    channels_last=True,
    data_preprocessor=dict(
        type='WordDataPreprocessor', bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    # Five stages, of which the last three are aggregated: 128 x 4 x 32, 160 x 2 x 16, 192 x 1 x 8.
    backbone=dict(
        type='ResNet',
        in_channels=3, stem_channels=[16], block_cfgs=dict(type='BasicBlock'),
        arch_layers=[1, 1, 2, 1, 1], arch_channels=[32, 64, 128, 160, 192],
        strides=[(2, 2), (2, 2), (2, 1), (2, 2), (2, 2)], out_indices=[2, 3, 4],
        init_cfg=[dict(type='Kaiming', layer='Conv2d'),
                  dict(type='Constant', val=1, layer='BatchNorm2d')]),
    encoder=dict(type='SRNEncoder', in_channels=(128, 160, 192), channels=128),
    decoder=dict(
        type='SRNDecoder',
        dictionary=_base_.dictionary, in_channels=128, channels=128,
        pvam=dict(num_layers=2, num_heads=4, inner_channels=256, dropout=0.1),
        gsrm=dict(num_layers=2, num_heads=4, inner_channels=256, dropout=0.1),
        max_seq_len=25,
        # A short training is not to be spent on asking for the end over and over.
        cut_at_end=True, module_loss=dict(type='SRNModuleLoss', ask_after_end=False)))

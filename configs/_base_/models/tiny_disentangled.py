# Style and content apart in about 2 M parameters, for 32 x 128 inputs.
_base_ = ['../dictionary.py']

model = dict(
    type='DisentangledRecognizer',
    data_preprocessor=dict(
        type='WordViewsPreprocessor', bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    # The stem's map, those of three blocks and the last one: 128 x 8 x 32 each.
    backbone=dict(
        type='ConvStemTransformer',
        stem_channels=64, embed_dim=128, depth=4, num_heads=4, inner_channels=256,
        taps=(0, 1, 2, 3)),
    encoder=dict(
        type='DisentangledEncoder',
        in_channels=(128, ) * 5, style_share=0.5, split='channels', blocks=2, num_heads=2,
        trunk_gradient='both'),
    # Of few words CTC learns to read where decoders that have to find their places first do not.
    decoder=dict(
        type='CTCDecoder', dictionary=dict(_base_.dictionary, with_padding=True), max_seq_len=25),
    image_head=dict(
        type='StyledImageHead',
        decoder=dict(
            type='StyledImageDecoder', channels=64, erase_blocks=1, blocks=2, num_heads=2,
            inner_channels=128, prompt=dict(type='GlyphPromptEncoder')),
        loss_align=dict(type='StyleAlignmentLoss', loss_weight=1.0),
        loss_image=dict(type='ReconstructionLoss', loss_weight=5.0),
        loss_erase=dict(type='ReconstructionLoss', loss_weight=5.0),
        loss_mask=dict(type='BCEDiceLoss', loss_weight=1.0)))

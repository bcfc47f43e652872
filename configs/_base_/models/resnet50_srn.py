# SRN on ResNet50 with FPN, for 64 x 256 inputs.
_base_ = ['../dictionary.py']

model = dict(
    # Without a training head this is MMOCR's EncoderDecoderRecognizer.
    type='GlyphRecognizer',
    data_preprocessor=dict(
        type='WordDataPreprocessor', bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    # Outputs: 512 x 8 x 32, 1024 x 4 x 16, 2048 x 2 x 8.
    backbone=dict(type='mmdet.ResNet', depth=50, out_indices=(1, 2, 3), norm_eval=False),
    encoder=dict(type='SRNEncoder', in_channels=(512, 1024, 2048), channels=512),
    decoder=dict(
        type='SRNDecoder',
        dictionary=_base_.dictionary, in_channels=512, channels=512,
        pvam=dict(num_layers=2, num_heads=8, inner_channels=512, dropout=0.1),
        gsrm=dict(num_layers=4, num_heads=8, inner_channels=512, dropout=0.1),
        max_seq_len=25,
        module_loss=dict(
            type='SRNModuleLoss', visual_weight=1.0, semantic_weight=0.15, final_weight=2.0)))

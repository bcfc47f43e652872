# SIGA on MMOCR's ResNet31OCR: 32 x 128 inputs, words of up to 25 characters.
_base_ = ['../dictionary.py']

model = dict(
    type='GlyphRecognizer',
    data_preprocessor=dict(
        type='WordDataPreprocessor', bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    # Outputs: 256 x 16 x 64, 256 x 8 x 32, 512 x 4 x 32.
    backbone=dict(type='ResNet31OCR', out_indices=(0, 1, 3)),
    encoder=dict(
        type='SIGAEncoder',
        in_channels=(256, 256, 512), pyramid=(0, 1), row_convs=2,
        # A pixel of the 8 x 32 map sees less than half of the image by itself.
        column_context=True, fusion_channels=128, hidden_size=256, max_seq_len=25),
    decoder=dict(
        type='SIGADecoder',
        dictionary=_base_.dictionary, in_channels=256, hidden_size=256, output_size=512,
        dropout=0.3, max_seq_len=25, module_loss=dict(type='WordLoss')),
    glyph_head=dict(
        type='GlyphHead',
        dictionary=_base_.dictionary, in_channels=256, hidden_size=256, max_seq_len=25,
        aligner=dict(type='ImplicitAligner', in_channels=512, hidden_size=256),
        segmentation=dict(
            type='SegmentationHead', in_channels=(128, ), trunk=False, scales=((2, 2), )),
        pseudo_labels=dict(type='GlyphPseudoLabelGenerator', threshold=0.05),
        loss_mask=dict(type='TextMaskLoss'),
        loss_alignment=dict(type='AlignmentLoss', loss_weight=1.0),
        loss_glyph=dict(type='GlyphLoss')))

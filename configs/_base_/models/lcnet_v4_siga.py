# SIGA on PP-OCRv6's trunk: glyph maps taught by the alignment of its CTC layer, and SIGA-P as a
# second reader of the glyph features. Outputs of the trunk: 96 x 12 x w, 192 x 6 x w, 384 x 3 x w
# for images of 48 x 4w; CTC tells a character every two columns.
_base_ = ['lcnet_v4_recognizer.py']

dictionary = _base_.dictionary
first = _base_.model.decoder
sequence = _base_.model.encoder

model = dict(
    encoder=dict(
        _delete_=True,
        type='SIGAEncoder',
        in_channels=(96, 192, 384), pyramid=(0, 1), pyramid_scale=(2, 1),
        sequence=sequence, context_channels=120, column_context=True, detached=True,
        fusion_channels=64, hidden_size=120, max_seq_len=25),
    decoder=dict(
        _delete_=True,
        type='TwoReaderDecoder', dictionary=dictionary, first=first,
        second=dict(type='SIGAParallelDecoder', in_channels=120, output_size=256, max_seq_len=25)),
    glyph_head=dict(
        type='GlyphHead', dictionary=dictionary, aligner=None, in_channels=120,
        segmentation=dict(type='SegmentationHead', in_channels=(64, ), trunk=False, up_channels=32,
                          scales=((2, 2), (2, 2))),
        pseudo_labels=dict(type='GlyphPseudoLabelGenerator', scale_threshold=True),
        max_seq_len=25))

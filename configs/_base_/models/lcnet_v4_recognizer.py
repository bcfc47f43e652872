# PP-OCRv6's small recognizer cut to the dictionary's characters, read by CTC: images 48 pixels high
# of any width, a column for every 8 pixels. Its weights come from the package rapidocr:
#
#   pip install '.[trunks]'
# All printable ASCII, the space too: lines are read as words are.
dictionary = dict(
    type='WordDictionary', dict_file='95', with_end=True,
    with_padding=True,  # the blank
    with_unknown=True, unknown_token=None)

model = dict(
    type='GlyphRecognizer',
    channels_last=True,
    data_preprocessor=dict(
        type='WordDataPreprocessor', mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5]),
    backbone=dict(
        type='LCNetV4',
        init_cfg=dict(type='PretrainedPPOCRv6', part='recognizer.backbone')),
    encoder=dict(
        type='LightSVTREncoder', norm_eval=True,
        init_cfg=dict(type='PretrainedPPOCRv6', part='recognizer.encoder')),
    decoder=dict(
        type='CTCDecoder', dictionary=dictionary, in_channels=120, max_seq_len=80,
        init_cfg=dict(type='PretrainedPPOCRv6', part='recognizer.classifier')))

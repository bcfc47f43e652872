# siga_tiny without glyphs: same backbone, context and attention decoder; no glyph attention, no
# training head.
_base_ = ['tiny_siga.py']

model = dict(
    encoder=dict(pyramid=None),
    decoder=dict(
        _delete_=True,
        type='ImplicitAttentionDecoder',
        dictionary=_base_.dictionary, in_channels=128, hidden_size=128, max_seq_len=25,
        module_loss=dict(type='WordLoss')),
    glyph_head=None)

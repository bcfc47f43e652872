# What siga_tiny is without glyphs: same backbone, context and attention decoder; no glyph
# attention, no training head.
_base_ = ['siga_tiny.py', '_base_/models/siga_tiny_baseline_decoder.py']

model = dict(
    encoder=dict(pyramid=None),
    decoder=dict(_delete_=True, dictionary=_base_.dictionary, **_base_.siga_tiny_baseline_decoder),
    glyph_head=None)

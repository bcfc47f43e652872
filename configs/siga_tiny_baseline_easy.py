# The warm-up of siga_tiny_easy without glyphs: the same words, steps and rates.
#
#   mim train mmocr configs/siga_tiny_baseline_easy.py --amp
_base_ = ['siga_tiny_easy.py', '_base_/models/siga_tiny_baseline_decoder.py']

model = dict(
    encoder=dict(pyramid=None),
    decoder=dict(_delete_=True, dictionary=_base_.dictionary, **_base_.siga_tiny_baseline_decoder),
    glyph_head=None)

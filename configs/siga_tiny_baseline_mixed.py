# The recipe of siga_tiny_mixed without glyphs, after configs/siga_tiny_baseline_easy.py: the same
# words, steps and rates.
#
#   mim train mmocr configs/siga_tiny_baseline_mixed.py --amp
_base_ = ['siga_tiny_mixed.py', '_base_/models/siga_tiny_baseline_decoder.py']

warm_start = '{{$SIGA_BASELINE_WARM:work_dirs/siga_tiny_baseline_easy/iter_1500.pth}}'
default_hooks = dict(warm_start=dict(checkpoint=warm_start))

model = dict(
    encoder=dict(pyramid=None),
    decoder=dict(_delete_=True, dictionary=_base_.dictionary, **_base_.siga_tiny_baseline_decoder),
    glyph_head=None)

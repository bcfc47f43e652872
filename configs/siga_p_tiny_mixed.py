# The recipe of siga_tiny_mixed with the decoder of SIGA-P, after configs/siga_p_tiny_easy.py: the
# same words, steps and rates.
#
#   mim train mmocr configs/siga_p_tiny_mixed.py --amp
_base_ = ['siga_tiny_mixed.py', '_base_/models/siga_p_tiny_decoder.py']

warm_start = '{{$SIGA_P_WARM:work_dirs/siga_p_tiny_easy/iter_1500.pth}}'
default_hooks = dict(warm_start=dict(checkpoint=warm_start))

model = dict(
    decoder=dict(_delete_=True, dictionary=_base_.dictionary, **_base_.siga_p_tiny_decoder))

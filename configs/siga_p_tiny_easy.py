# The warm-up of siga_tiny_easy with the decoder of SIGA-P: the same words, steps and rates.
#
#   mim train mmocr configs/siga_p_tiny_easy.py --amp
_base_ = ['siga_tiny_easy.py', '_base_/models/siga_p_tiny_decoder.py']

model = dict(
    decoder=dict(_delete_=True, dictionary=_base_.dictionary, **_base_.siga_p_tiny_decoder))

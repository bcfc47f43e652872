# The warm-up of siga_tiny_easy for srn_tiny: the same words, steps and rates.
#
#   mim train mmocr configs/srn_tiny_easy.py --amp
_base_ = ['siga_tiny_easy.py', '_base_/models/srn_tiny.py']

model = dict(
    _base_.srn_tiny,
    _delete_=True,
    decoder=dict(_base_.srn_tiny.decoder, dictionary=_base_.dictionary))

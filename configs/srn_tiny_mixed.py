# The recipe of siga_tiny_mixed for srn_tiny, after configs/srn_tiny_easy.py: the same words, steps
# and rates.
#
#   mim train mmocr configs/srn_tiny_mixed.py --amp
_base_ = ['siga_tiny_mixed.py', '_base_/models/srn_tiny.py']

warm_start = '{{$SIGA_SRN_WARM:work_dirs/srn_tiny_easy/iter_1500.pth}}'
default_hooks = dict(warm_start=dict(checkpoint=warm_start))

model = dict(
    _base_.srn_tiny,
    _delete_=True,
    decoder=dict(_base_.srn_tiny.decoder, dictionary=_base_.dictionary))

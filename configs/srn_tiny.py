# SRN with every part in less than 4 M parameters, trained on real words on a CPU: data and
# schedule of siga_tiny (whose text masks it does not read).
#
#   mim train mmocr configs/srn_tiny.py --amp
#   mim test mmocr configs/srn_tiny.py --checkpoint work_dirs/srn_tiny/iter_4500.pth
_base_ = ['siga_tiny.py', '_base_/models/srn_tiny.py']

model = dict(
    _base_.srn_tiny,
    _delete_=True,
    decoder=dict(_base_.srn_tiny.decoder, dictionary=_base_.dictionary))

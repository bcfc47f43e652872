# SIGA-P in the size of siga_tiny: the same backbone, encoder and training head, and a decoder that
# reads all characters at once.
#
#   mim train mmocr configs/siga_p_tiny.py --amp
#   mim test mmocr configs/siga_p_tiny.py --checkpoint work_dirs/siga_p_tiny/iter_4500.pth
_base_ = ['siga_tiny.py', '_base_/models/siga_p_tiny_decoder.py']

model = dict(
    decoder=dict(_delete_=True, dictionary=_base_.dictionary, **_base_.siga_p_tiny_decoder))

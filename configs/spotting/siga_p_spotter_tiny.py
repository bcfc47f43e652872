# siga_spotter_tiny with SIGA-P, which reads all characters of a word at once.
#
#   SIGA_REC_WEIGHTS=work_dirs/siga_p_tiny_mixed/iter_8500.pth \
#       mim train mmocr configs/spotting/siga_p_spotter_tiny.py
_base_ = ['siga_spotter_tiny.py', '../_base_/models/siga_p_tiny_decoder.py']

model = dict(
    rec_head=dict(
        decoder=dict(_delete_=True, dictionary=_base_.dictionary, **_base_.siga_p_tiny_decoder)))

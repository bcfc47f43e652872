# SIGA-P, SIGA with all characters read at once, on MMOCR's ResNet31OCR: data and schedule are those
# of siga_r31.
#
#   mim train mmocr configs/siga_p_r31.py --amp
#   mim test mmocr configs/siga_p_r31.py --checkpoint work_dirs/siga_p_r31/iter_160000.pth
_base_ = ['siga_r31.py']

model = dict(
    decoder=dict(
        _delete_=True,
        type='SIGAParallelDecoder',
        dictionary=_base_.dictionary, in_channels=256, output_size=512, dropout=0.1,
        max_seq_len=25))

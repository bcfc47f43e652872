# SIGA-P in the size of siga_tiny: a decoder that reads all characters at once.
_base_ = ['tiny_siga.py']

model = dict(
    decoder=dict(
        _delete_=True,
        type='SIGAParallelDecoder',
        dictionary=_base_.dictionary, in_channels=128, output_size=256, dropout=0.1,
        max_seq_len=25))

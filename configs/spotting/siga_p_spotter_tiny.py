# siga_spotter_tiny with SIGA-P, which reads all characters of a word at once; the weights to start
# reading from are those of siga_p_tiny_mixed.
_base_ = ['siga_spotter_tiny.py']

model = dict(
    rec_head=dict(
        decoder=dict(
            _delete_=True,
            type='SIGAParallelDecoder',
            dictionary=_base_.dictionary, in_channels=128, output_size=256, dropout=0.1,
            max_seq_len=25)))

# The decoder of SIGA-P for the encoder of siga_tiny; configs add the dictionary.
siga_p_tiny_decoder = dict(
    type='SIGAParallelDecoder',
    in_channels=128,
    output_size=256,
    dropout=0.1,
    max_seq_len=25)

# The plain attention decoder that siga_tiny is compared with; configs add the dictionary.
siga_tiny_baseline_decoder = dict(
    type='ImplicitAttentionDecoder',
    in_channels=128,
    hidden_size=128,
    max_seq_len=25,
    module_loss=dict(type='WordLoss'))

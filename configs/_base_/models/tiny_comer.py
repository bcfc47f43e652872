# The recognizer of siga_tiny_baseline with CoMER's decoder: a small Transformer whose second layer
# knows where it has looked before.
_base_ = ['tiny_baseline.py']

model = dict(
    decoder=dict(
        _delete_=True,
        type='CoverageTransformerDecoder',
        dictionary=_base_.dictionary, in_channels=128, channels=128, num_layers=2, num_heads=4,
        inner_channels=256, dropout=0.1, max_seq_len=25,
        # The memory has one row.
        coverage_channels=8, kernel_size=(1, 5)))
# How it goes wrong: characters dropped and doubled, by length and where they repeat.
comer_metrics = [dict(type='WordProtocolMetric'), dict(type='CharacterErrorMetric')]

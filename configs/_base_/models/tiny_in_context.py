# E2STR in less than 5 M parameters: the ResNet of siga_tiny and a small GPT that looks at its map,
# for training on a CPU.
_base_ = ['tiny_siga.py']

model = dict(
    type='InContextRecognizer',
    encoder=dict(
        _delete_=True, type='ImageTokenEncoder', in_channels=192, channels=128, size=(2, 32)),
    decoder=dict(
        _delete_=True,
        type='InContextDecoder',
        dictionary=_base_.dictionary, channels=128, num_layers=4, num_heads=4,
        inner_channels=512, dropout=0.1, cross_heads=4, cross_channels=32, gate_init=1.0,
        context='independent', max_seq_len=25),
    glyph_head=None)

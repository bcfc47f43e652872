# comer_tiny without coverage: a plain Transformer decoder.
_base_ = ['comer_tiny.py']

model = dict(decoder=dict(coverage=()))

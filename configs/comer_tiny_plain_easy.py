# comer_tiny_plain on easy words: the warm-up before comer_tiny_plain_mixed.py.
_base_ = ['comer_tiny_easy.py']

model = dict(decoder=dict(coverage=()))

# comer_tiny_plain on real and rendered words, after comer_tiny_plain_easy.py.
_base_ = ['comer_tiny_mixed.py']

model = dict(decoder=dict(coverage=()))
default_hooks = dict(warm_start=dict(checkpoint='work_dirs/comer_tiny_plain_easy/iter_1500.pth'))

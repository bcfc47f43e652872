# siga_tiny on real and rendered words, after siga_tiny_easy.py.
_base_ = ['_base_/models/tiny_siga.py', '_base_/recipes/tiny_mixed.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))
default_hooks = dict(warm_start=dict(checkpoint='work_dirs/siga_tiny_easy/iter_1500.pth'))

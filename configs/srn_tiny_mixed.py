# srn_tiny on real and rendered words, after srn_tiny_easy.py.
_base_ = ['_base_/models/tiny_srn.py', '_base_/recipes/tiny_mixed.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))
default_hooks = dict(warm_start=dict(checkpoint='work_dirs/srn_tiny_easy/iter_1500.pth'))

# comer_tiny on real and rendered words, after comer_tiny_easy.py.
_base_ = ['_base_/models/tiny_comer.py', '_base_/recipes/tiny_mixed.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))
val_evaluator = dict(metrics=_base_.comer_metrics)
test_evaluator = dict(metrics=_base_.comer_metrics)
default_hooks = dict(warm_start=dict(checkpoint='work_dirs/comer_tiny_easy/iter_1500.pth'))

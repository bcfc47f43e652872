# comer_tiny on easy words: the warm-up before comer_tiny_mixed.py.
_base_ = ['_base_/models/tiny_comer.py', '_base_/recipes/tiny_easy.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))
val_evaluator = dict(metrics=_base_.comer_metrics)
test_evaluator = dict(metrics=_base_.comer_metrics)

# siga_tiny_baseline with CoMER's decoder, whose attention knows what it has read.
_base_ = ['_base_/models/tiny_comer.py', '_base_/recipes/tiny_real.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))
val_evaluator = dict(metrics=_base_.comer_metrics)
test_evaluator = dict(metrics=_base_.comer_metrics)

# siga_tiny_baseline on easy words: the warm-up before siga_tiny_baseline_mixed.py.
_base_ = ['_base_/models/tiny_baseline.py', '_base_/recipes/tiny_easy.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

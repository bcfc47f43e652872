# siga_tiny_baseline_coverage on easy words: the warm-up before the mixed ones.
_base_ = ['_base_/models/tiny_baseline.py', '_base_/recipes/tiny_easy.py']

model = dict(decoder=dict(coverage=dict(kernel_size=11)))
train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

# siga_tiny_baseline whose attention knows where it has looked before.
_base_ = ['_base_/models/tiny_baseline.py', '_base_/recipes/tiny_real.py']

model = dict(decoder=dict(coverage=dict(kernel_size=11)))
train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

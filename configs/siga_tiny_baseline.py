# What siga_tiny is without glyphs: same backbone, context, attention decoder, words and schedule.
_base_ = ['_base_/models/tiny_baseline.py', '_base_/recipes/tiny_real.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

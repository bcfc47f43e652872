# The second round of the recognizer that the package brings along, after siga_tiny_release.py.
_base_ = ['_base_/models/tiny_siga.py', '_base_/recipes/tiny_release_2.py']

dictionary = dict(_base_.dictionary, dict_file='94')
model = dict(decoder=dict(dictionary=dictionary), glyph_head=dict(dictionary=dictionary))
train_dataloader = dict(dataset=dict(dictionary=dictionary))
default_hooks = dict(warm_start=dict(checkpoint='work_dirs/siga_tiny_release/iter_4800.pth'))

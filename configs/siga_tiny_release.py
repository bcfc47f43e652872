# The recognizer that the package brings along: siga_tiny with 94 characters, trained on after
# siga_tiny_mixed.py. tools/checkpoints/train_tiny.sh runs all of it, data included.
_base_ = ['_base_/models/tiny_siga.py', '_base_/recipes/tiny_release.py']

# What the package's users read is not known beforehand: all printable ASCII.
dictionary = dict(_base_.dictionary, dict_file='94')
model = dict(decoder=dict(dictionary=dictionary), glyph_head=dict(dictionary=dictionary))
train_dataloader = dict(dataset=dict(dictionary=dictionary))
# Of siga_tiny_mixed, with the classes of 94 characters (tools/checkpoints/convert_dictionary.py).
default_hooks = dict(warm_start=dict(checkpoint='work_dirs/siga_tiny_release/warm.pth'))

# Style and content apart, for a CPU: reads, erases and rewrites words of 32 x 128 pixels.
#
#   mim train mmocr configs/disentangled_tiny.py --amp
_base_ = ['_base_/models/tiny_disentangled.py', '_base_/recipes/style_pairs.py']

train_dataloader = dict(
    dataset=dict(datasets=[
        dict(pairs, dictionary=_base_.dictionary)
        for pairs in (_base_.style_pairs, _base_.style_pairs_scene)
    ]))

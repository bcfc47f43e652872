# A small vision transformer with a learned position for each of its 8 x 32 tokens.
#
#   pip install '.[vit]'
#   mim train mmocr configs/vit_tiny.py --amp
_base_ = ['_base_/models/tiny_vit.py', '_base_/recipes/tiny_real.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

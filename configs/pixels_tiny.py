# Reading from the outlines of the strokes: 512 pixels at most of each word, and nothing else.
#
#   mim train mmocr configs/pixels_tiny.py --amp
_base_ = ['_base_/models/tiny_pixels.py', '_base_/recipes/tiny_real.py']

train_dataloader = dict(batch_size=32, dataset=dict(dictionary=_base_.dictionary))

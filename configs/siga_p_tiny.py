# SIGA-P in the size of siga_tiny: the same backbone, encoder, training head, words and schedule,
# and a decoder that reads all characters at once.
#
#   mim train mmocr configs/siga_p_tiny.py --amp
_base_ = ['_base_/models/tiny_siga_p.py', '_base_/recipes/tiny_real.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

# SRN with every part in less than 4 M parameters, trained on real words on a CPU: data and
# schedule of siga_tiny (whose text masks it does not read).
#
#   mim train mmocr configs/srn_tiny.py --amp
_base_ = ['_base_/models/tiny_srn.py', '_base_/recipes/tiny_real.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

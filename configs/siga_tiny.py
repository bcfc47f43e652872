# SIGA, every part, in less than 6 M parameters, trained on real words on a CPU.
#
#   mim train mmocr configs/siga_tiny.py --amp
#   mim test mmocr configs/siga_tiny.py --checkpoint work_dirs/siga_tiny/iter_4500.pth
#
# The words are looked for in $SIGA_DATA/real, or data/real (docs/guides/data.md); --amp is bfloat16
# on a CPU. Characters: SIGA_DICT=62 or 94, or the line in configs/_base_/dictionary.py.
_base_ = ['_base_/models/tiny_siga.py', '_base_/recipes/tiny_real.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

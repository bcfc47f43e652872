# E2STR (CVPR 2024) at full size, first stage: every word by itself.
#
#   mim train mmocr configs/in_context_vitb.py --amp --gpus 8 --launcher pytorch
#
# The paper begins with weights of a vision transformer that was pre-trained on words, MAERec's:
# --cfg-options model.backbone.pretrained=WEIGHTS.
_base_ = ['_base_/models/vitb_in_context.py', '_base_/recipes/in_context.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

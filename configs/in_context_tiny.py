# E2STR in less than 3 M parameters on a CPU, first stage: a reader of single words.
#
#   mim train mmocr configs/in_context_tiny.py --amp
#   mim train mmocr configs/in_context_tiny_icl.py --amp
#
# The words are those of configs/_base_/recipes/in_context_words.py. The ResNet is that of
# siga_tiny_words, and its first half stays as it is: three quarters of its time for nothing new.
_base_ = ['_base_/models/tiny_in_context.py', '_base_/recipes/in_context_words.py']

model = dict(frozen=('backbone.stem_layers', 'backbone.layer1', 'backbone.layer2'))
train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))
default_hooks = dict(
    warm_start=dict(
        checkpoint='mmocr_siga/weights/siga_tiny_words.pth', parts={'backbone': 'backbone'}))

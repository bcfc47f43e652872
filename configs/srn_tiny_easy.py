# srn_tiny on easy words: the warm-up before srn_tiny_mixed.py.
_base_ = ['_base_/models/tiny_srn.py', '_base_/recipes/tiny_easy.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

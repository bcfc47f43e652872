# siga_p_tiny on easy words: the warm-up before siga_p_tiny_mixed.py.
_base_ = ['_base_/models/tiny_siga_p.py', '_base_/recipes/tiny_easy.py']

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

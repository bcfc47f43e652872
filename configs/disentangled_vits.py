# Style and content apart on ViT-Small, for a GPU: 100,000 steps of 64 pairs.
#
#   mim train mmocr configs/disentangled_vits.py --amp
_base_ = ['_base_/models/vits_disentangled.py', '_base_/recipes/style_pairs.py']

max_iters = 100_000
easy_iters = 20_000
batch_size = 64
lr = 5e-4

train_dataloader = dict(
    batch_size=batch_size, num_workers=12, pin_memory=True,
    dataset=dict(datasets=[
        dict(_base_.style_pairs, length=batch_size * easy_iters, dictionary=_base_.dictionary),
        dict(_base_.style_pairs_scene, length=batch_size * (max_iters - easy_iters),
             dictionary=_base_.dictionary),
    ]))
optim_wrapper = dict(optimizer=dict(lr=lr, weight_decay=0.05))
param_scheduler = [
    dict(type='OneCycleLR', eta_max=lr, total_steps=max_iters, pct_start=0.05, div_factor=20,
         final_div_factor=100, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=10_000)
default_hooks = dict(checkpoint=dict(interval=10_000), logger=dict(interval=100))

# For a CPU: 3,000 steps of 64 words. The teacher follows faster than in a long run.
_base_ = ['ccd.py', '../datasets/unlabeled_words.py']

max_iters = 3000
warm_up, freeze, own_masks = max_iters // 10, max_iters // 100, 31 * max_iters // 100

train_dataloader = dict(
    num_workers=1, pin_memory=False, dataset=dict(dataset=_base_.unlabeled_words))

param_scheduler = [
    dict(_base_.param_scheduler[0], end=warm_up),
    dict(_base_.param_scheduler[1], begin=warm_up, end=max_iters, T_max=max_iters - warm_up),
    dict(_base_.param_scheduler[2], end=max_iters, T_max=max_iters),
]
custom_hooks = [
    dict(_base_.custom_hooks[0], momentum=0.996),
    dict(_base_.custom_hooks[1], schedule={
        'own_masks': {own_masks: True}, 'student.head.frozen': {0: True, freeze: False}}),
    _base_.custom_hooks[2],
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters + 1)
default_hooks = dict(checkpoint=dict(interval=500), logger=dict(interval=50))

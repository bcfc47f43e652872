# in_context_vitb, second stage: all words of a card are one row. Words with character boxes, their
# pieces and copies are drawn; real words would need boxes, which this stage does without.
_base_ = ['in_context_vitb.py', '_base_/datasets/rendered_groups.py']

max_iters = 5 * 3_230_742 // 512

model = dict(group_size=64)
train_pipeline = [
    dict(t, meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio', 'group_kind'))
    if t['type'] == 'PackGlyphInputs' else t for t in _base_.train_pipeline
    if t['type'] not in ('TextMask', 'RandomTextGeometry', 'RandomTextColor')
]
train_dataloader = dict(
    batch_size=64,
    sampler=dict(_delete_=True, type='GroupSampler'),
    dataset=dict(
        _delete_=True, **_base_.rendered_groups_train, group_size=64,
        dictionary=_base_.dictionary, pipeline=train_pipeline))
optim_wrapper = dict(optimizer=dict(lr=5e-6))
param_scheduler = [
    dict(type='CosineAnnealingLR', eta_min=1e-8, T_max=max_iters, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters)
default_hooks = dict(
    warm_start=dict(checkpoint=f'work_dirs/in_context_vitb/iter_{_base_.max_iters}.pth'))

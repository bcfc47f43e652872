# in_context_tiny, second stage: rows of 2 to 16 words that have to do with each other, so that the
# meaning of a glyph is looked up among the others. Watch lookup_accuracy: of the characters of an
# invented script that occur in the other words, how many are read right. By chance one in ten; it
# rises late and at once.
_base_ = ['in_context_tiny.py', '_base_/datasets/rendered_groups.py']

max_iters = 4000

model = dict(group_size=(2, 4, 8, 16))
train_pipeline = [
    dict(t, prob=0.25) if t['type'] == 'RandomTextGeometry' else
    dict(t, meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio', 'group_kind'))
    if t['type'] == 'PackGlyphInputs' else t for t in _base_.train_pipeline
    # Masks are not read; words of a group keep their colors, which tell a style.
    if t['type'] not in ('TextMask', 'RandomTextColor')
]
train_dataloader = dict(
    batch_size=64,
    sampler=dict(_delete_=True, type='GroupSampler'),
    dataset=dict(
        _delete_=True, **_base_.rendered_groups_train, dictionary=_base_.dictionary,
        pipeline=train_pipeline))
param_scheduler = [
    dict(type='OneCycleLR', eta_max=5e-4, total_steps=max_iters, pct_start=0.1, div_factor=10,
         final_div_factor=50, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=1000)
default_hooks = dict(
    warm_start=dict(checkpoint='work_dirs/in_context_tiny/iter_6000.pth', parts=None))

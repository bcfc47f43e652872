# More rendered words, plates, serial numbers and random characters beside the real words, after
# tiny_mixed.py; tools/checkpoints/train_tiny.sh renders them.
#
# The rate stays up for `steady` steps and then falls to nothing; what is kept is the moving average
# of the weights.
_base_ = ['tiny_real.py']

max_iters = 4800
steady = 3500

rendered = [
    dict(
        type='WordLMDBDataset',
        ann_file=f'{{$SIGA_DATA:data}}/release/{name}/train',
        pipeline=None) for name in ('plates', 'serial', 'contextless', 'words_a', 'words_b')
]

train_pipeline = [
    dict(t, prob=0.6) if t['type'] == 'RandomTextGeometry' else t for t in _base_.train_pipeline
]

train_dataloader = dict(
    sampler=dict(
        _delete_=True,
        type='RatioSampler',
        ratios=[0.10, 0.08, 0.12, 0.40, 0.30],
        # Both halves of the words are one part, and so are the four sets of real words.
        groups=[1, 1, 1, 2, 4]),
    dataset=dict(
        pipeline=train_pipeline,
        dataset=dict(datasets=[*rendered, *_base_.real_words_train_list])))

param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=300, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min_ratio=0.005, begin=steady, end=max_iters,
         T_max=max_iters - steady, by_epoch=False),
]
custom_hooks = [
    dict(type='SkipReportHook'),
    dict(type='EMAHook', momentum=1e-3, update_buffers=True),
]
train_cfg = dict(max_iters=max_iters, val_interval=800)
default_hooks = dict(checkpoint=dict(interval=500), warm_start=dict(type='WarmStartHook'))

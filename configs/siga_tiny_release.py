# The recogniser that the package brings along: siga_tiny with 94 characters, trained on after
# configs/siga_tiny_mixed.py on more rendered words, plates, serial numbers and random characters
# beside the real words. tools/checkpoints/train_tiny.sh runs all of it, data included.
#
# The rate stays up for `steady` steps and then falls to nothing; what is kept is the moving average
# of the weights.
_base_ = ['siga_tiny_mixed.py']

max_iters = 4800
steady = 3500
lr = 1e-3
rendered_root = '{{$SIGA_RELEASE:data/release}}'
warm_start = '{{$SIGA_RELEASE_WARM:work_dirs/siga_tiny_release/warm.pth}}'

# What the package's users read is not known beforehand: all printable ASCII.
release_dictionary = dict(_base_.dictionary, dict_file='94')
model = dict(
    decoder=dict(dictionary=release_dictionary), glyph_head=dict(dictionary=release_dictionary))

rendered = [
    dict(type='WordLMDBDataset', ann_file=f'{rendered_root}/{name}/train', pipeline=None)
    for name in ('plates', 'serial', 'contextless', 'words_a', 'words_b')
]

train_pipeline = _base_.train_pipeline
train_pipeline[3].update(prob=0.6)

train_dataloader = dict(
    sampler=dict(
        _delete_=True,
        type='RatioSampler',
        ratios=[0.10, 0.08, 0.12, 0.40, 0.30],
        # Both halves of the words are one part, and so are the four sets of real words.
        groups=[1, 1, 1, 2, 4]),
    dataset=dict(
        dictionary=release_dictionary,
        pipeline=train_pipeline,
        dataset=dict(datasets=[*rendered, *_base_.real_words_train_list])))

optim_wrapper = dict(optimizer=dict(lr=lr))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=300, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.005,
        begin=steady,
        end=max_iters,
        T_max=max_iters - steady,
        by_epoch=False),
]
custom_hooks = [
    dict(type='SkipReportHook'),
    dict(type='EMAHook', momentum=1e-3, update_buffers=True),
]
train_cfg = dict(max_iters=max_iters, val_interval=800)
default_hooks = dict(
    checkpoint=dict(interval=500), warm_start=dict(checkpoint=warm_start))

# The second round, after tiny_release.py: crops that are not upright and words with punctuation, of
# which the first round saw few, join the rendered words.
_base_ = ['tiny_release.py']

max_iters = 6000
steady = 4300

train_dataloader = dict(
    sampler=dict(
        ratios=[0.08, 0.05, 0.07, 0.20, 0.22, 0.38], groups=[1, 1, 1, 2, 1, 4]),
    dataset=dict(
        dataset=dict(
            datasets=[
                *_base_.rendered,
                dict(
                    type='WordLMDBDataset',
                    ann_file='{{$SIGA_DATA:data}}/release/incidental/train',
                    pipeline=None),
                *_base_.real_words_train_list,
            ])))

param_scheduler = [
    dict(_base_.param_scheduler[0], end=200),
    dict(_base_.param_scheduler[1], begin=steady, end=max_iters, T_max=max_iters - steady),
]
custom_hooks = [
    dict(type='SkipReportHook'),
    dict(type='EMAHook', momentum=4e-3, update_buffers=True),
]
train_cfg = dict(max_iters=max_iters, val_interval=1000)

# siga_lcnet_v4 with rendered words beside the real ones: random characters, serial numbers and
# plates, where no language helps, and words of every posture, on which the published recognizer
# keeps what it knows.
_base_ = ['siga_lcnet_v4.py']

max_iters = 2000
rendered = [
    dict(
        type='WordLMDBDataset',
        ann_file=f'{{$SIGA_DATA:data}}/release/{name}/train',
        pipeline=None) for name in ('contextless', 'plates', 'serial', 'incidental', 'words')
]

train_dataloader = dict(
    sampler=dict(
        # The real words keep their shares of the other 0.65.
        ratios=[0.08, 0.06, 0.06, 0.10, 0.05, *(
            0.65 * share for share in _base_.kinds_sampler.ratios)],
        groups=[1, 1, 1, 1, 1, *_base_.kinds_sampler.groups]),
    dataset=dict(dataset=dict(datasets=[*rendered, *_base_.kinds_train_list])))

param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=50, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min_ratio=0.01, begin=50, end=max_iters,
         T_max=max_iters - 50, by_epoch=False),
]
train_cfg = dict(max_iters=max_iters)

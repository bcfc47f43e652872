# The second round of the recogniser that the package brings along, after
# configs/siga_tiny_release.py: crops that are not upright and words with punctuation, of which the
# first round saw few, join the rendered words (tools/data/synthesize.py --preset incidental).
_base_ = ['siga_tiny_release.py']

max_iters = 6000
steady = 4300
warm_start = '{{$SIGA_RELEASE_2_WARM:work_dirs/siga_tiny_release/iter_4800.pth}}'

train_dataloader = dict(
    sampler=dict(
        ratios=[0.08, 0.05, 0.07, 0.20, 0.22, 0.38],
        groups=[1, 1, 1, 2, 1, 4]),
    dataset=dict(
        dataset=dict(
            datasets=[
                *_base_.rendered,
                dict(
                    type='WordLMDBDataset',
                    ann_file=f'{_base_.rendered_root}/incidental/train',
                    pipeline=None),
                *_base_.real_words_train_list,
            ])))

param_scheduler = _base_.param_scheduler
param_scheduler[0].update(end=200)
param_scheduler[1].update(begin=steady, end=max_iters, T_max=max_iters - steady)
custom_hooks = _base_.custom_hooks
custom_hooks[1].update(momentum=4e-3)
train_cfg = dict(max_iters=max_iters, val_interval=1000)
default_hooks = dict(
    checkpoint=dict(interval=500), warm_start=dict(checkpoint=warm_start))

# The second round of the recognizer that the package brings along, after siga_lcnet_v4_release.py:
# words of scenes join, cut out with corners moved, as a detector finds them
# (tools/data/crop_scene_words.py). CTC reads alone; glyph maps learn beside it.
_base_ = ['siga_lcnet_v4_release.py']

max_iters = 1600
scene_words = [
    dict(type='WordTSVDataset', data_root=f'{{$SIGA_DATA:data}}/release/{folder}',
         ann_file='words.tsv', pipeline=None)
    for folder in ('ic15_scenes', 'ic15_scenes_more')
]

model = dict(
    plugins=dict(keep=dict(decoder='decoder')),
    hooks=dict(classifier='decoder.classifier'),
    decoder=dict(_delete_=True, **_base_.first))

train_dataloader = dict(
    sampler=dict(
        # The other real words keep their shares of the remaining 0.51.
        ratios=[0.06, 0.06, 0.05, 0.10, 0.06, 0.16, *(
            0.51 * share for share in _base_.kinds_sampler.ratios)],
        groups=[1, 1, 1, 1, 1, 2, *_base_.kinds_sampler.groups]),
    dataset=dict(
        dataset=dict(datasets=[*_base_.rendered, *scene_words, *_base_.kinds_train_list])))

optim_wrapper = dict(paramwise_cfg=dict(custom_keys={
    'glyph_head': dict(lr_mult=20),
    **{name: dict(lr_mult=8) for name in ('encoder.fusion', 'encoder.glyph', 'encoder.column')}}))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_iters, T_max=max_iters - 50),
]
train_cfg = dict(max_iters=max_iters)
default_hooks = dict(
    warm_start=dict(
        type='WarmStartHook',
        checkpoint='work_dirs/siga_lcnet_v4_release/iter_2000.pth',
        parts=dict(backbone='backbone', encoder='encoder', decoder='decoder.first',
                   glyph_head='glyph_head')))

# The third round of the recognizer that the package brings along, after siga_tiny_release_2.py:
# plates of several countries, marks on wires, receipts and curved words join the real words, and
# the words of scenes with corners moved, as a detector finds them
# (tools/data/crop_scene_words.py).
_base_ = ['siga_tiny_release_2.py']

max_iters = 2400
steady = 1500

joining = [
    dict(type='WordTSVDataset', data_root=f'{_base_.real_words_root}/{folder}',
         ann_file='train.tsv', pipeline=None)
    for folder in ('plates_us', 'plates_id', 'plates_world', 'plates_cn', 'wire_marks',
                   'totaltext_50', 'receipts_sroie')
]
scene_words = [
    dict(type='WordTSVDataset', data_root=f'{{$SIGA_DATA:data}}/release/{folder}',
         ann_file='words.tsv', pipeline=None)
    for folder in ('ic15_scenes', 'ic15_scenes_more')
]
incidental = dict(
    type='WordLMDBDataset', ann_file='{{$SIGA_DATA:data}}/release/incidental/train', pipeline=None)

train_dataloader = dict(
    sampler=dict(
        ratios=[0.03, 0.05, 0.06, 0.12, 0.14, 0.12, 0.09, 0.09, 0.02, 0.04, 0.24],
        groups=[1, 1, 1, 2, 1, 2, 4, 1, 1, 1, 4]),
    dataset=dict(
        dataset=dict(
            datasets=[*_base_.rendered, incidental, *scene_words, *joining,
                      *_base_.real_words_train_list])))

param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], begin=steady, end=max_iters, T_max=max_iters - steady),
]
train_cfg = dict(max_iters=max_iters)
default_hooks = dict(warm_start=dict(checkpoint='work_dirs/siga_tiny_release_2/iter_6000.pth'))

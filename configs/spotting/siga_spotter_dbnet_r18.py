# MMOCR's DBNet with ResNet-18 and SIGA as its recognition head, trained together.
#
#   one GPU:    mim train mmocr configs/spotting/siga_spotter_dbnet_r18.py --amp
#   eight GPUs: mim train mmocr configs/spotting/siga_spotter_dbnet_r18.py --amp \
#                   --launcher pytorch --gpus 8
#   test:       mim test mmocr configs/spotting/siga_spotter_dbnet_r18.py --checkpoint WEIGHTS.pth
#
# Data: MMOCR's JSON for text spotting, made by its prepare_dataset.py with --task textspotting, for
# example of ICDAR 2015; looked for in $SIGA_SPOTTING. Reading needs far more words than these 1,000
# pictures have: train on SynthText's scenes first, as is usual, by adding it to the list below, or
# start from a word recogniser, see SIGA_REC_WEIGHTS in configs/_base_/models.
# load_from takes a checkpoint of MMOCR's DBNet, too, whose parts have the same names.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/siga_spotter_dbnet_r18.py',
    '../_base_/pipelines/scenes.py',
]

spotting_root = '{{$SIGA_SPOTTING:data}}'
max_iters = 75000
warm_up = 1000
lr = 1e-3

spotting_train_list = [
    dict(
        type='CheckedSceneDataset',
        data_root=spotting_root + '/icdar2015',
        ann_file='textspotting_train.json',
        pipeline=None),
]
spotting_test = dict(
    type='OCRDataset',
    data_root=spotting_root + '/icdar2015',
    ann_file='textspotting_test.json',
    test_mode=True,
    pipeline=_base_.test_pipeline)

train_dataloader = dict(
    batch_size=16,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='ConcatDataset',
        datasets=spotting_train_list,
        pipeline=_base_.train_pipeline,
        verify_meta=False))
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=spotting_test)
test_dataloader = val_dataloader

val_evaluator = dict(
    type='E2EHmeanMetric',
    lexicons=[dict(kind='strong', words='ground_truth', size=100), dict(kind='weak')])
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=lr, weight_decay=1e-4),
    clip_grad=dict(max_norm=5))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.01, end=warm_up, by_epoch=False),
    dict(
        type='CosineAnnealingLR',
        eta_min_ratio=0.001,
        begin=warm_up,
        end=max_iters,
        T_max=max_iters - warm_up,
        by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=5000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

visualizer = dict(
    _delete_=True,
    type='TextSpottingLocalVisualizer',
    name='visualizer',
    vis_backends=_base_.vis_backends)

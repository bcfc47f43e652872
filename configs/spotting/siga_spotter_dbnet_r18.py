# MMOCR's DBNet with ResNet-18 and SIGA as its recognition head, trained together.
#
#   one GPU:    mim train mmocr configs/spotting/siga_spotter_dbnet_r18.py --amp
#   eight GPUs: mim train mmocr configs/spotting/siga_spotter_dbnet_r18.py --amp \
#                   --launcher pytorch --gpus 8
#   test:       mim test mmocr configs/spotting/siga_spotter_dbnet_r18.py --checkpoint WEIGHTS.pth
#
# Data: MMOCR's JSON for text spotting, made by its prepare_dataset.py with --task textspotting, for
# example of ICDAR 2015; looked for in $SIGA_DATA, or data. Reading needs far more words than these
# 1,000 pictures have: train on SynthText's scenes first, as is usual, by adding it to the list
# below, or start from a word recognizer, by model.rec_head.weights.
# load_from takes a checkpoint of MMOCR's DBNet, too, whose parts have the same names.
_base_ = ['../_base_/models/dbnet_r18_spotter.py', '../_base_/recipes/spotting.py']

spotting_root = '{{$SIGA_DATA:data}}/icdar2015'
max_iters = 75000
warm_up = 1000

spotting_train_list = [
    dict(
        type='CheckedSceneDataset',
        data_root=spotting_root,
        ann_file='textspotting_train.json', pipeline=None),
]

train_dataloader = dict(
    batch_size=16, num_workers=8, pin_memory=True,
    dataset=dict(
        type='ConcatDataset',
        datasets=spotting_train_list,
        pipeline=_base_.train_pipeline,
        verify_meta=False))
val_dataloader = dict(
    num_workers=4,
    dataset=dict(
        type='OCRDataset',
        data_root=spotting_root,
        ann_file='textspotting_test.json', test_mode=True,
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

val_evaluator = dict(
    lexicons=[dict(kind='strong', words='ground_truth', size=100), dict(kind='weak')])
test_evaluator = val_evaluator

param_scheduler = [
    dict(_base_.param_scheduler[0], start_factor=0.01, end=warm_up),
    dict(_base_.param_scheduler[1], eta_min_ratio=0.001, begin=warm_up, end=max_iters,
         T_max=max_iters - warm_up),
]
train_cfg = dict(max_iters=max_iters, val_interval=5000)

# SIGA, every part, in less than 6 M parameters, trained on real words on a CPU.
#
#   mim train mmocr configs/siga_tiny.py --amp
#   mim test mmocr configs/siga_tiny.py --checkpoint work_dirs/siga_tiny/iter_4500.pth
#
# The words are looked for in $SIGA_DATA/real (docs/guides/data.md); --amp is bfloat16 on a CPU.
# Characters: SIGA_DICT=62 or 94, or the line in configs/_base_/dictionary.py.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/siga_tiny.py',
    '_base_/pipelines/siga_32x128.py',
    '_base_/datasets/real_words.py',
    '_base_/schedules/adamw_onecycle_tiny.py',
]

default_hooks = dict(checkpoint=dict(interval=900), logger=dict(interval=50))

train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='CheckedTextDataset',
        dictionary=_base_.dictionary,
        pipeline=_base_.train_pipeline,
        dataset=dict(
            type='AvailableDatasets',
            datasets=_base_.real_words_train_list,
            missing=_base_.real_words_missing)))

val_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.real_words_val, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

val_evaluator = _base_.real_words_val_evaluator
test_evaluator = val_evaluator

# Real words on a CPU, the recipe of siga_tiny and its likes. A config adds a model and, to the
# training set, its dictionary.
_base_ = [
    '../default_runtime.py',
    '../pipelines/siga_32x128.py',
    '../datasets/real_words.py',
    '../schedules/adamw_onecycle_tiny.py',
]

train_dataloader = dict(
    batch_size=64, num_workers=1, persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='CheckedTextDataset',
        pipeline=_base_.train_pipeline,
        dataset=dict(
            type='AvailableDatasets',
            datasets=_base_.real_words_train_list,
            missing=_base_.real_words_missing)))

val_dataloader = dict(
    batch_size=64, num_workers=1, persistent_workers=True, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.real_words_val, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

val_evaluator = _base_.real_words_val_evaluator
test_evaluator = val_evaluator

default_hooks = dict(checkpoint=dict(interval=900), logger=dict(interval=50))

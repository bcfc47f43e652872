# The recipe of siga_r31 and the paper's models: MJSynth + SynthText, tested on the common
# benchmarks. A config adds a model and, to the training set, its dictionary.
_base_ = [
    '../default_runtime.py',
    '../pipelines/siga_32x128.py',
    '../datasets/benchmarks.py',
    '../schedules/adam_onecycle_160k.py',
]

train_dataloader = dict(
    batch_size=320, num_workers=8, persistent_workers=True, pin_memory=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='CheckedTextDataset',
        pipeline=_base_.train_pipeline,
        dataset=_base_.benchmark_train))

val_dataloader = dict(
    batch_size=128, num_workers=4, persistent_workers=True, pin_memory=True,
    drop_last=False, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.benchmark_test, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

val_evaluator = _base_.benchmark_evaluator
test_evaluator = val_evaluator

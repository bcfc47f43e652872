# SIGA (CVPR 2023) on MMOCR's ResNet31OCR, trained on MJSynth + SynthText.
#
#   one GPU:    mim train mmocr configs/siga_r31.py --amp
#   eight GPUs: mim train mmocr configs/siga_r31.py --amp --launcher pytorch --gpus 8 \
#                   --cfg-options train_dataloader.batch_size=80
#   test:       mim test mmocr configs/siga_r31.py --checkpoint work_dirs/siga_r31/iter_160000.pth
#
# Data: docs/guides/benchmarks.md says where they are looked for. SIGA_BENCHMARK_FORM=lmdb takes the
# field's databases instead of MMOCR's JSON; SIGA_MISSING=skip uses the sets that are there.
# Characters: SIGA_DICT=62 or 94, or the line in configs/_base_/dictionary.py.
#
# The schedule is for a global batch of 640. With another one scale both
# optim_wrapper.optimizer.lr and param_scheduler.0.eta_max in proportion.
_base_ = [
    '_base_/default_runtime.py',
    '_base_/models/siga_r31.py',
    '_base_/pipelines/siga_32x128.py',
    '_base_/datasets/benchmarks.py',
    '_base_/schedules/adam_onecycle_160k.py',
]

train_dataloader = dict(
    batch_size=320,
    num_workers=8,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='CheckedTextDataset',
        dictionary=_base_.dictionary,
        pipeline=_base_.train_pipeline,
        dataset=_base_.benchmark_train))

val_dataloader = dict(
    batch_size=128,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.benchmark_test, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

val_evaluator = _base_.benchmark_evaluator
test_evaluator = val_evaluator

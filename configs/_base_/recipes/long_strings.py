# Long rendered strings, 32 x 1024 pixels, on a CPU or one card. A config adds a model.
_base_ = [
    '../default_runtime.py',
    '../pipelines/siga_32x128.py',
    '../datasets/long_strings.py',
    '../schedules/adamw_onecycle_tiny.py',
]

max_iters = 3000
size = (1024, 32)

# Printed lines: nothing turns them. Text masks are not read.
train_pipeline = [
    dict(t, scale=size) if t['type'] == 'Resize' else t for t in _base_.train_pipeline
    if t['type'] not in ('RandomTextGeometry', 'TextMask')
]
test_pipeline = [
    dict(t, scale=size) if t['type'] == 'Resize' else t for t in _base_.test_pipeline
]

train_dataloader = dict(
    batch_size=16, num_workers=1, persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(
        type='CheckedTextDataset',
        dictionary=_base_.long_strings_dictionary, max_seq_len=100,
        pipeline=train_pipeline,
        dataset=dict(type='AvailableDatasets', datasets=_base_.long_strings_train)))
val_dataloader = dict(
    batch_size=16, num_workers=1, persistent_workers=True, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.long_strings_val, pipeline=test_pipeline))
test_dataloader = val_dataloader

val_evaluator = _base_.long_strings_evaluator
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='OneCycleLR', eta_max=1e-3, total_steps=max_iters, pct_start=0.15, div_factor=20,
         final_div_factor=100, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=1000)
default_hooks = dict(checkpoint=dict(interval=1000), logger=dict(interval=50))

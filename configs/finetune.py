# The packaged reader, trained on with words of your own. Copy this file, or put the words where it
# looks for them: $SIGA_DATA/my_words/train.tsv and val.tsv, "images/name<tab>transcription" a line.
#
#   mim train mmocr configs/finetune.py --amp
#   mim test mmocr configs/finetune.py --checkpoint work_dirs/finetune/iter_60.pth
_base_ = ['_base_/default_runtime.py']

import os  # noqa: E402

import mmocr_siga.inference.packaged as packaged  # noqa: E402

words = '{{$SIGA_DATA:data}}/my_words'
max_iters = 60  # of 16 words: enough for some hundred of one kind
max_lr = 3e-4

# A packaged model, by name or by its config's path.
__reader = packaged.packaged_of(os.environ.get('SIGA_READER', packaged.DEFAULT_MODEL))
model = packaged.read_config(__reader.config).model
test_pipeline = packaged.read_config(__reader.config).test_dataloader.dataset.pipeline
train_pipeline = [
    dict(type='LoadWordImage'),
    dict(type='EnsureBGR'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='RandomTextGeometry', prob=0.3),
    dict(type='RandomTextDeterioration', prob=0.1),
    dict(type='RandomTextColor', prob=0.2),
    # As it is brought to the size that the reader takes.
    *[t for t in test_pipeline if t['type'] not in (
        'LoadImageFromFile', 'EnsureBGR', 'LoadOCRAnnotations')],
]

train_dataloader = dict(
    batch_size=16, num_workers=1, persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    batch_sampler=dict(type='SimilarLengthBatchSampler'),
    dataset=dict(
        type='CheckedTextDataset', dictionary=model.decoder.dictionary,
        max_seq_len=model.decoder.get('first', model.decoder).max_seq_len,
        pipeline=train_pipeline,
        dataset=dict(type='WordTSVDataset', data_root=words, ann_file='train.tsv', pipeline=None)))
val_dataloader = dict(
    batch_size=1, num_workers=1, persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='WordTSVDataset', data_root=words, ann_file='val.tsv', test_mode=True,
                 pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='WordProtocolMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=max_lr, weight_decay=1e-4),
    clip_grad=dict(max_norm=5))
param_scheduler = [
    dict(type='OneCycleLR', eta_max=max_lr, total_steps=max_iters, pct_start=0.15, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
custom_hooks = [dict(type='SkipReportHook')]
default_hooks = dict(
    checkpoint=dict(interval=max_iters), logger=dict(interval=10),
    warm_start=dict(type='WarmStartHook', checkpoint=str(__reader.weights)))

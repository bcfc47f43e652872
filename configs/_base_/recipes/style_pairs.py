# Pairs of words in one style, drawn while training: print first, then scenes, in this order. A
# fifth of the families of faces and half of the words are held out, to judge by (part='test').
# Validation is reading real words. A config adds a model and, to the training sets, its dictionary.
_base_ = [
    '../default_runtime.py',
    '../pipelines/style_pairs.py',
    '../datasets/real_words.py',
    '../schedules/adamw_onecycle_tiny.py',
]

max_iters = 8000
easy_iters = 3000
batch_size = 8

style_pairs = dict(
    type='RenderedPairDataset',
    length=batch_size * easy_iters, preset='style_pairs', part='train',
    lexicon='{{$SIGA_DATA:data}}/synth/lexicon_90k.txt',
    pipeline=_base_.train_pipeline)
style_pairs_scene = dict(
    style_pairs, length=batch_size * (max_iters - easy_iters), preset='style_pairs_scene', seed=1,
    backgrounds='{{$SIGA_DATA:data}}/synth/backgrounds')

train_dataloader = dict(
    batch_size=batch_size, num_workers=1, persistent_workers=True,
    sampler=dict(type='InfiniteSampler', shuffle=False),
    dataset=dict(
        type='ConcatDataset', verify_meta=False, datasets=[style_pairs, style_pairs_scene]))

val_dataloader = dict(
    batch_size=64, num_workers=1, persistent_workers=True, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.real_words_val, pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader

val_evaluator = _base_.real_words_val_evaluator
test_evaluator = val_evaluator

param_scheduler = [
    dict(type='OneCycleLR', eta_max=1e-3, total_steps=max_iters, pct_start=0.1, div_factor=20,
         final_div_factor=100, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=2000)
default_hooks = dict(checkpoint=dict(interval=1000), logger=dict(interval=50))

# ODM (CVPR 2024): draw the words that are asked for, without their style. A config adds a model.
_base_ = ['../default_runtime.py', '../datasets/rendered_scenes.py']

max_iters = 300_000
warm_up = 10_000

# Of the prompts; a space cannot be asked for.
prompt_dictionary = dict(type='WordDictionary', dict_file='94')

train_pipeline = [
    dict(
        type='LoadOCRAnnotations',
        with_polygon=True,
        with_bbox=True,
        with_label=True,
        with_text=True),
    dict(type='RandomSceneWindow', size=(512, 512), scale=(0.5, 1.5), angle=30.0),
    dict(type='TextPrompt', drop=(0.1, 0.3), noise=(0.1, 0.3), prob=0.5,
         dictionary=prompt_dictionary),
    # Behind what moves pixels: drawn from the moved polygons.
    dict(type='DestyledLabel', threshold=30),
    dict(type='RandomTextColor', prob=0.5, brightness=0.5, contrast=0.5, saturation=0.5, hue=0.5),
    dict(type='PackODMInputs'),
]
# Scenes in files, as those of datasets/scenes.py, are loaded first:
#
#   train_dataloader = dict(dataset=dict(
#       _delete_=True, type='AvailableDatasets', missing='skip',
#       datasets=[_base_.ic15_scenes_train], pipeline=_base_.real_pipeline))
real_pipeline = [
    dict(type='LoadImageFromFile', color_type='color', backend_args=dict(backend='nonempty')),
    *train_pipeline,
]
test_pipeline = [
    train_pipeline[0],
    # A third of the words of each scene is left out, and as many are made up.
    dict(type='TextPrompt', drop=(0.33, 0.34), noise=(0.33, 0.34), prob=1.0,
         dictionary=prompt_dictionary),
    dict(type='DestyledLabel', threshold=30),
    dict(type='PackODMInputs'),
]

train_dataloader = dict(
    batch_size=32, num_workers=8, persistent_workers=True, pin_memory=True,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    dataset=dict(_base_.rendered_scenes_train, pipeline=train_pipeline))
val_dataloader = dict(
    batch_size=1, num_workers=2, persistent_workers=True, drop_last=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(_base_.rendered_scenes_test, pipeline=test_pipeline))
test_dataloader = val_dataloader
val_evaluator = dict(type='PromptObedienceMetric')
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.1),
    paramwise_cfg=dict(
        norm_decay_mult=0.0, bias_decay_mult=0.0,
        custom_keys={name: dict(decay_mult=0.0) for name in ('log_scale', 'nothing', 'positions')}))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, end=warm_up, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=0.0, begin=warm_up, end=max_iters,
         T_max=max_iters - warm_up, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=10_000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

# Picture, prompt, target and output of four scenes, in vis_data/vis_image of the run.
default_hooks = dict(
    glyphs=dict(_delete_=True, type='DestylisationVisualizationHook', interval=1000, num_words=4))

# CoMER (ECCV 2022, arXiv 2207.04410) in the paper's size, on codes and formulas of 30 to 100
# characters: DenseNet of stride 16, three Transformer layers with batch norm in the refinement of
# the last two, both directions in training.
#
#   mim train mmocr configs/comer_densenet.py --launcher pytorch --gpus 4
#
# It differs from the paper: lines of 64 x 2048 pixels in color, where the paper has gray formulas
# of up to 256 x 1024, scaled by 0.7 to 1.4; reading goes from left to right.
_base_ = ['_base_/recipes/long_strings.py']

size = (2048, 64)

model = dict(
    type='GlyphRecognizer',
    data_preprocessor=dict(
        type='WordDataPreprocessor', bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(type='DenseNetB', growth=24, num_layers=16, dropout=0.2),
    encoder=dict(type='MapPositionEncoder', in_channels=684, channels=256),
    decoder=dict(
        type='CoverageTransformerDecoder',
        dictionary=_base_.long_strings_dictionary, in_channels=256, channels=256, num_layers=3,
        num_heads=8, inner_channels=1024, dropout=0.3, coverage_channels=32, kernel_size=(5, 5),
        bidirectional=True, reference=True, max_seq_len=200))

train_pipeline = [
    dict(t, scale=size) if t['type'] == 'Resize' else t for t in _base_.train_pipeline
]
test_pipeline = [
    dict(t, scale=size) if t['type'] == 'Resize' else t for t in _base_.test_pipeline
]
train_dataloader = dict(
    batch_size=8, num_workers=4, sampler=dict(type='DefaultSampler'),
    dataset=dict(max_seq_len=200, pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, num_workers=4, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# The paper's loss is the mean over both directions, ours the sum of two means: half the rate and
# twice the decay make the same steps of its 0.08 and 1e-4.
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='SGD', lr=0.04, momentum=0.9, weight_decay=2e-4))
# Validated every second epoch: a quarter of the rate after 20 without a better figure.
param_scheduler = [
    dict(type='ReduceOnPlateauLR', monitor='average/recog/word_acc', rule='greater', factor=0.25,
         patience=10)
]
train_cfg = dict(_delete_=True, type='EpochBasedTrainLoop', max_epochs=300, val_interval=2)
default_hooks = dict(
    checkpoint=dict(by_epoch=True, interval=2, save_best='average/recog/word_acc', rule='greater'),
    logger=dict(interval=100))
log_processor = dict(by_epoch=True)

# SRN (CVPR 2020) on ResNet50 with FPN, trained on MJSynth + SynthText: Adam at a constant 1e-4,
# gradients clipped at 10, batches of 64 a card.
#
#   one GPU:    mim train mmocr configs/srn_r50_fpn.py --amp
#   eight GPUs: mim train mmocr configs/srn_r50_fpn.py --amp --launcher pytorch --gpus 8
#   test:       mim test mmocr configs/srn_r50_fpn.py \
#                   --checkpoint work_dirs/srn_r50_fpn/iter_300000.pth
#
# Data and evaluation are those of siga_r31; images are 64 x 256 and in color, where the reference
# has them gray. The paper does not say for how long it trains.
_base_ = ['_base_/models/resnet50_srn.py', '_base_/recipes/mj_st.py']

max_iters = 300_000

# The pipelines of siga_r31 at another size; nothing here reads text masks.
train_pipeline = [
    dict(t, scale=(256, 64)) if t['type'] == 'Resize' else t for t in _base_.train_pipeline
    if t['type'] != 'TextMask'
]
test_pipeline = [
    dict(t, scale=(256, 64)) if t['type'] == 'Resize' else t for t in _base_.test_pipeline
]

train_dataloader = dict(
    batch_size=64, dataset=dict(dictionary=_base_.dictionary, pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='Adam', lr=1e-4), clip_grad=dict(max_norm=10))
param_scheduler = [dict(type='ConstantLR', factor=1.0, by_epoch=False)]
train_cfg = dict(max_iters=max_iters)
custom_hooks = [dict(type='SkipReportHook')]

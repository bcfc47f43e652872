# SIGA_T of the paper: ViT-Base with patches of 4 pixels, 32x128. Needs timm:
#
#   pip install "timm>=1.0"
#   2 GPUs: mim train mmocr projects/siga/configs/siga_t.py --amp --launcher pytorch --gpus 2 \
#               --cfg-options model.backbone.pretrained=DEIT_BASE.pth
#   test:   mim test mmocr projects/siga/configs/siga_t.py \
#               --checkpoint work_dirs/siga_t/iter_300000.pth
#
# The paper starts from DeiT-Base without its patch and position embeddings; without `pretrained`
# the blocks start at random. Global batch 640 (2 x 320). Batches for 1 and 8 GPUs: README.md.
_base_ = ['siga_r.py']

model = dict(
    preprocessor=None,
    # Outputs: tokens 768 x 8 x 32 after blocks 2, 4, 6, 8 and 12, and columns 512 x 1 x 32.
    backbone=dict(_delete_=True, type='SIGAViT', pretrained=None),
    encoder=dict(
        in_channels=(768, 768, 768, 768, 768, 512),
        pyramid=(0, 1, 2),
        fusion=dict(type='TokenPyramidFusion', in_channels=768, channels=128),
        glyph_sources=dict(fine=3, coarse=4),
        glyph_layers=dict(fine=dict(up=True), coarse=dict(kernel=1, groups=8))),
    glyph_head=dict(
        skip=None,
        segmentation=dict(skip_channels=0),
        loss_alignment=dict(loss_weight=0.15)))

# MJSynth, whose database has three parts, and SynthText: half of each batch.
train_dataloader = dict(
    sampler=dict(
        _delete_=True,
        type='RatioSampler',
        ratios=[1, 1],
        groups=[len(_base_.synthetic_train_sets) - 1, 1]))

max_iters = 300_000
optim_wrapper = dict(optimizer=dict(_delete_=True, type='Adadelta', lr=1.0))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=max_iters, eta_min=0, by_epoch=False)]
train_cfg = dict(max_iters=max_iters)

custom_hooks = [
    dict(
        type='LossScheduleHook',
        schedule={'glyph_head.loss_mask.ignore_above': {
            20000: 1.47
        }}),
    dict(type='SkipReportHook'),
]

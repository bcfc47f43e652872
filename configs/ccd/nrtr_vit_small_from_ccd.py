# NRTR's decoder on ViT-Small pre-trained without labels: $SIGA_CCD, a checkpoint of ccd_vit_small.
# CCD's fine-tuning on MJSynth and SynthText: batches of 224, ten passes. Needs timm.
#
#   1 GPU:  SIGA_CCD=work_dirs/ccd_vit_small/iter_382812.pth \
#               mim train mmocr configs/ccd/nrtr_vit_small_from_ccd.py --amp
#   others: --cfg-options model.backbone.embed_dim=192 model.backbone.num_heads=3 \
#               model.encoder.in_channels=192
_base_ = ['../_base_/dictionary.py', '../_base_/recipes/mj_st.py']

base_dictionary = dict(
    _base_.dictionary, with_start=True, same_start_end=True, with_padding=True)

model = dict(
    type='NRTR',
    data_preprocessor=dict(
        type='WordDataPreprocessor', bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(
        type='SIGAViT', embed_dim=384, num_heads=6, taps=(), column_channels=None,
        drop_path_rate=0.1),
    encoder=dict(type='TokenEncoder', in_channels=384),
    decoder=dict(
        type='NRTRDecoder',
        n_layers=6, d_embedding=512, n_head=8, d_k=64, d_v=64, d_model=512, d_inner=256,
        postprocessor=dict(type='AttentionPostprocessor'),
        module_loss=dict(
            type='CEModuleLoss', ignore_first_char=True, reduction='mean',
            # CheckedTextDataset has brought them into that of the dictionary.
            letter_case='unchanged'),
        dictionary=base_dictionary,
        # Start, 25 characters, end.
        max_seq_len=27))
train_dataloader = dict(batch_size=224, dataset=dict(dictionary=_base_.dictionary))

epoch = 17_000_000 // 224
max_iters = 10 * epoch
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor',
    optimizer=dict(type='AdamW', lr=5e-4, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=epoch, by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-6, begin=epoch, end=max_iters,
         T_max=max_iters - epoch, by_epoch=False),
]
custom_hooks = [dict(type='SkipReportHook')]
train_cfg = dict(max_iters=max_iters)
default_hooks = dict(
    warm_start=dict(
        type='WarmStartHook',
        checkpoint='{{$SIGA_CCD:work_dirs/ccd_vit_small/iter_382812.pth}}',
        parts={'backbone.vit.': 'teacher.backbone.vit.'}))

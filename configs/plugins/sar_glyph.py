# SAR (parallel decoder; the sequential one takes the same) with glyph supervision of its attention.
# Maps of 24 x 80 and 12 x 40; the attention reads 6 x 40.
_base_ = ['mmocr::textrecog/sar/sar_resnet31_parallel-decoder_5e_st-sub_mj-sub_sa_real.py']
custom_imports = dict(imports=['mmocr_siga'], allow_failed_imports=False)
optim_wrapper = dict(constructor='DeferredOptimWrapperConstructor')

model = dict(
    type='PluggedRecognizer',
    plugins=dict(
        glyph=dict(
            type='GlyphPlugin',
            backbone_maps=('backbone.relu2', 'backbone.relu3'), in_channels=(256, 256),
            feature_channels=512, max_seq_len=30)))

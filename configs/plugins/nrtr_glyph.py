# NRTR with glyph supervision of its attention.
# Maps of 16 x 80 and 8 x 40; the attention reads 1 x 40.
_base_ = ['mmocr::textrecog/nrtr/nrtr_modality-transform_6e_st_mj.py']
custom_imports = dict(imports=['mmocr_siga'], allow_failed_imports=False)
optim_wrapper = dict(constructor='DeferredOptimWrapperConstructor')

model = dict(
    type='PluggedRecognizer',
    plugins=dict(
        glyph=dict(
            type='GlyphPlugin',
            backbone_maps=('backbone.bn_1', 'backbone.bn_2'), in_channels=(32, 64),
            feature_channels=512, max_seq_len=30)))

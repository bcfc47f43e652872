# ASTER with glyph supervision of its attention.
# Maps of 16 x 50 and 8 x 25 of the rectified image; the attention reads 1 x 25.
_base_ = ['mmocr::textrecog/aster/aster_resnet45_6e_st_mj.py']
custom_imports = dict(imports=['mmocr_siga'], allow_failed_imports=False)
optim_wrapper = dict(constructor='DeferredOptimWrapperConstructor')

model = dict(
    type='PluggedRecognizer',
    plugins=dict(
        glyph=dict(
            type='GlyphPlugin',
            backbone_maps=('backbone.layer1', 'backbone.layer2'), in_channels=(32, 64),
            feature_channels=512, max_seq_len=25)))

# SATRN with glyph supervision of its attention.
# Maps of 16 x 50 and 8 x 25; the attention reads the latter, encoded.
_base_ = ['mmocr::textrecog/satrn/satrn_shallow_5e_st_mj.py']
custom_imports = dict(imports=['mmocr_siga'], allow_failed_imports=False)
optim_wrapper = dict(constructor='DeferredOptimWrapperConstructor')

model = dict(
    type='PluggedRecognizer',
    plugins=dict(
        glyph=dict(
            type='GlyphPlugin',
            backbone_maps=('backbone.conv2', 'backbone'), in_channels=(512, 512),
            feature_channels=512, max_seq_len=25)))

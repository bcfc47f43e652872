# SIGA on PP-OCRv6's trunk: CTC reads lines and words, glyph maps learn from its alignment, SIGA-P
# reads words beside it.
#
#   pip install '.[trunks]'
#   mim train mmocr configs/siga_lcnet_v4.py --amp
_base_ = ['_base_/models/lcnet_v4_siga.py', '_base_/recipes/distilled_kinds.py']

# The recognizer as it was published, without glyphs.
teacher = dict(
    type='GlyphRecognizer', data_preprocessor=_base_.model.data_preprocessor,
    backbone=_base_.model.backbone, encoder=_base_.sequence, decoder=_base_.first)

model = dict(
    type='PluggedGlyphRecognizer',
    plugins=dict(keep=dict(type='CTCDistillation', teacher=teacher, decoder='decoder.first')),
    hooks=dict(type='FeatureHooks', feature='encoder.sequence',
               classifier='decoder.first.classifier'))
train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

# Everything but the trunk and its CTC reader begins with nothing.
optim_wrapper = dict(paramwise_cfg=dict(custom_keys={
    name: dict(lr_mult=15) for name in (
        'decoder.second', 'glyph_head', 'encoder.fusion', 'encoder.glyph', 'encoder.column')}))

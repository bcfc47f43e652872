# A text spotter on PP-OCRv6's trunk: the detector of dbnet_lcnetv4 and the reader of siga_lcnet_v4,
# trained together on whole scenes.
#
#   pip install '.[trunks]'
#   mim train mmocr configs/spotting/siga_spotter_lcnetv4.py --amp --cfg-options \
#       load_from=mmocr_siga/weights/dbnet_words.pth \
#       model.rec_head.weights=mmocr_siga/weights/siga_lcnet_words.pth
#   mim test mmocr configs/spotting/siga_spotter_lcnetv4.py --checkpoint WEIGHTS.pth
#
# so both begin as packaged; without these options, as PP-OCRv6 was published. Scenes are looked for
# in $SIGA_DATA/real/ic15_scenes and ic15_scenes_more (docs/guides/data.md).
_base_ = ['../_base_/models/lcnet_v4_spotter.py', '../_base_/recipes/spotting_lcnetv4.py']

max_iters = 2000

# Gentlest with the reader, which knows more words than the scenes have; the rest begins from
# nothing.
kept, new = dict(lr_mult=0.2), dict(lr_mult=10)
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={
        'rec_head': kept, 'rec_head.backbone': kept,
        'det_head.threshold': new, 'rec_head.shared': new, 'rec_head.glyph_head': new,
        'rec_head.encoder.fusion': new, 'rec_head.encoder.glyph': new,
        'rec_head.encoder.column_context': new}))
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=max_iters, T_max=max_iters - _base_.warm_up),
]
train_cfg = dict(max_iters=max_iters)

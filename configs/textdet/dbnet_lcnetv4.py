# DBNet with the trunk, neck and head of PP-OCRv6's small detector, which finds lines, trained on to
# find words.
#
#   pip install '.[trunks]'
#   mim train mmocr configs/textdet/dbnet_lcnetv4.py --amp
#   mim test mmocr configs/textdet/dbnet_lcnetv4.py --checkpoint WEIGHTS.pth
#
# Scenes are looked for in $SIGA_DATA/real/ic15_scenes and ic15_scenes_more (docs/guides/data.md).
_base_ = ['../_base_/models/lcnet_v4_detector.py', '../_base_/recipes/spotting_lcnetv4.py']

val_evaluator = dict(_delete_=True, type='HmeanIOUMetric')
test_evaluator = val_evaluator

# The threshold branch begins from nothing.
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys={'det_head.threshold': dict(lr_mult=10)}))

visualizer = dict(type='TextDetLocalVisualizer')

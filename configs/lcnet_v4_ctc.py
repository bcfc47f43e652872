# PP-OCRv6's small recognizer, 95 characters, trained on: gently, and held close to itself on the
# words that it reads, so that it forgets nothing while it learns plates and wire marks.
#
#   pip install '.[trunks]'
#   mim train mmocr configs/lcnet_v4_ctc.py --amp
_base_ = ['_base_/models/lcnet_v4_recognizer.py', '_base_/recipes/distilled_kinds.py']

model = dict(
    type='PluggedGlyphRecognizer',
    plugins=dict(keep=dict(type='CTCDistillation', teacher=_base_.model)))
train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

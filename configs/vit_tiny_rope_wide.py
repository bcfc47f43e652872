# vit_tiny_rope on images that keep their ratio, from 1:2 to 8:1, where vit_tiny squeezes them to
# 4:1. Nothing of the model depends on the width: a checkpoint of either reads the other's images.
_base_ = ['vit_tiny_rope.py']

# The widest word of a batch is what the others are padded to.
wide = [
    dict(type='RescaleToHeight', height=32, min_width=16, max_width=256, width_divisor=4,
         interpolation='bicubic'),
    dict(type='PadToWidth', width=32),
]
train_pipeline = [step for t in _base_.train_pipeline if t['type'] != 'TextMask'
                  for step in (wide if t['type'] == 'Resize' else [t])]
test_pipeline = [step for t in _base_.test_pipeline
                 for step in (wide if t['type'] == 'Resize' else [t])]

train_dataloader = dict(
    batch_sampler=dict(type='SimilarLengthBatchSampler'), dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

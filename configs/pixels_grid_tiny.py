# The paper's plain form (arXiv 2406.09415) as a control for pixels_tiny: every pixel of 16 x 64,
# and a learned position for each. Attention of 1024 tokens takes about three times as long.
_base_ = ['pixels_tiny.py']

model = dict(encoder=dict(tokens=1024, select='grid', position='learned', img_size=(16, 64)))

train_pipeline = [dict(t, scale=(64, 16)) if t['type'] == 'Resize' else t
                  for t in _base_.train_pipeline]
test_pipeline = [dict(t, scale=(64, 16)) if t['type'] == 'Resize' else t
                 for t in _base_.test_pipeline]
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

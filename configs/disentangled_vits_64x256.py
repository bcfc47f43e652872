# disentangled_vits for pictures of 64 x 256 pixels, which stay sharp when they are pasted back.
_base_ = ['disentangled_vits.py']

model = dict(backbone=dict(img_size=(64, 256)), encoder=dict(map_size=(16, 64)))

pack = [dict(type='PackPairInputs', size=(256, 64)), dict(type='GlyphPrompts')]
test_pipeline = [
    dict(t, scale=(256, 64)) if t['type'] == 'Resize' else t for t in _base_.test_pipeline
]
train_dataloader = dict(
    dataset=dict(datasets=[
        dict(pairs, pipeline=pack) for pairs in _base_.train_dataloader.dataset.datasets
    ]))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

# Two words of a style, their background, their text masks and plain drawings, of 32 x 128 pixels.
_base_ = ['siga_32x128.py']

train_pipeline = [
    dict(type='PackPairInputs', size=(128, 32)),
    dict(type='GlyphPrompts'),
]

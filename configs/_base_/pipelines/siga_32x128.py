# Training and test pipeline for inputs of 32 x 128 pixels.
#
# The order matters: what moves pixels, then the text mask, then what changes their values. The
# mask then fits the image by construction and is found on an undisturbed image.
train_pipeline = [
    # Files as well as the decoded images of an LMDB data set.
    dict(type='LoadWordImage'),
    dict(type='EnsureBGR'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='RandomTextGeometry', prob=0.5),
    dict(type='Resize', scale=(128, 32), keep_ratio=False, interpolation='bicubic'),
    dict(type='TextMask'),
    dict(type='RandomTextDeterioration', prob=0.25),
    dict(type='RandomTextColor', prob=0.25),
    dict(
        type='PackGlyphInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]

test_pipeline = [
    # MMOCR's inferencers look for this loader by its name; the backend names empty files.
    dict(type='LoadImageFromFile', backend_args=dict(backend='nonempty')),
    dict(type='EnsureBGR'),
    dict(type='Resize', scale=(128, 32), keep_ratio=False, interpolation='bicubic'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(
        type='PackTextRecogInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]

# Training and test pipeline for images 48 pixels high that keep their ratio, up to 40 times as wide
# as high. Narrow ones are padded to 160: CTC reads no more characters than there are columns.
train_pipeline = [
    dict(type='LoadWordImage'),
    dict(type='EnsureBGR'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='RandomTextGeometry', prob=0.4),
    dict(type='RescaleToHeight', height=48, min_width=16, max_width=320, width_divisor=8),
    dict(type='RandomTextDeterioration', prob=0.2),
    dict(type='RandomTextColor', prob=0.2),
    dict(type='PadToWidth', width=160, pad_cfg=dict(type='Pad', pad_val=dict(img=127))),
    dict(
        type='PackTextRecogInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]

test_pipeline = [
    # MMOCR's inferencers look for this loader by its name; the backend names empty files.
    dict(type='LoadImageFromFile', backend_args=dict(backend='nonempty')),
    dict(type='EnsureBGR'),
    dict(type='RescaleToHeight', height=48, min_width=16, max_width=1920, width_divisor=8),
    dict(type='PadToWidth', width=160, pad_cfg=dict(type='Pad', pad_val=dict(img=127))),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(
        type='PackTextRecogInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]

# Training and test pipeline for whole scenes with their words.
#
# Transforms that clip polygons (ImgAugWrapper, Resize by default) begin them anywhere, so that it
# is no longer known where reading begins; these keep all points.
train_pipeline = [
    dict(type='LoadImageFromFile', color_type='color', backend_args=dict(backend='nonempty')),
    dict(
        type='LoadOCRAnnotations',
        with_polygon=True,
        with_bbox=True,
        with_label=True,
        with_text=True),
    dict(type='RandomSceneWindow', size=(640, 640), scale=(0.5, 2.0)),
    dict(type='TorchVisionWrapper', op='ColorJitter', brightness=32.0 / 255, saturation=0.5),
    dict(type='PackTextDetInputs', meta_keys=('img_path', 'ori_shape', 'img_shape')),
]

test_pipeline = [
    dict(type='LoadImageFromFile', color_type='color', backend_args=dict(backend='nonempty')),
    dict(type='FitScene', scale=(1333, 736)),
    # Behind the resizing: words are compared in pixels of the picture that was loaded.
    dict(
        type='LoadOCRAnnotations',
        with_polygon=True,
        with_bbox=True,
        with_label=True,
        with_text=True),
    dict(
        type='PackTextDetInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'scale_factor')),
]

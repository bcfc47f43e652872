# DBNet with the parts of PP-OCRv6's small detector: 2.5 million weights. They come from the package
# rapidocr, but for the threshold branch, which begins from nothing:
#
#   pip install '.[trunks]'
detector = dict(
    type='MultiScaleDBNet',
    data_preprocessor=dict(
        type='TextDetDataPreprocessor', mean=[127.5, 127.5, 127.5], std=[127.5, 127.5, 127.5],
        pad_size_divisor=32),
    backbone=dict(
        type='LCNetV4', stem_channels=(24, 48), depths=(2, 2, 4, 2),
        strides=((2, 2), (2, 2), (2, 2)),
        init_cfg=dict(type='PretrainedPPOCRv6', part='detector.backbone')),
    neck=dict(
        type='RepLKFPN', init_cfg=dict(type='PretrainedPPOCRv6', part='detector.neck')),
    det_head=dict(
        type='BiasedDBHead',
        init_cfg=dict(type='PretrainedPPOCRv6', part='detector.head'),
        module_loss=dict(
            type='DBModuleLoss',
            # A scene without words teaches, too.
            loss_prob=dict(type='MaskedBalancedBCEWithLogitsLoss', fallback_negative_num=5000)),
        # Those of its own pipeline, which dilates the mask by a pixel besides, but for the score,
        # which was chosen for words.
        postprocessor=dict(
            type='DBPostprocessor', text_repr_type='quad', mask_thr=0.3, min_text_score=0.6,
            unclip_ratio=1.6, max_candidates=1000)))

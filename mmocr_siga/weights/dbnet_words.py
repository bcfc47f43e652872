# Written by tools/checkpoints/pack_weights.py.
custom_imports = {'imports': ['mmocr_siga'], 'allow_failed_imports': False}
default_scope = 'mmocr'
model = {'type': 'DBNet',
 'data_preprocessor': {'type': 'TextDetDataPreprocessor',
                       'mean': [127.5, 127.5, 127.5],
                       'std': [127.5, 127.5, 127.5],
                       'pad_size_divisor': 32},
 'backbone': {'type': 'LCNetV4',
              'stem_channels': (24, 48),
              'depths': (2, 2, 4, 2),
              'strides': ((2, 2), (2, 2), (2, 2))},
 'neck': {'type': 'RepLKFPN'},
 'det_head': {'type': 'BiasedDBHead',
              'module_loss': {'type': 'DBModuleLoss',
                              'loss_prob': {'type': 'MaskedBalancedBCEWithLogitsLoss',
                                            'fallback_negative_num': 5000}},
              'postprocessor': {'type': 'DBPostprocessor',
                                'text_repr_type': 'quad',
                                'mask_thr': 0.3,
                                'min_text_score': 0.6,
                                'unclip_ratio': 1.6,
                                'max_candidates': 1000}}}
test_dataloader = {'dataset': {'pipeline': [{'type': 'LoadImageFromFile',
                           'color_type': 'color',
                           'backend_args': {'backend': 'nonempty'}},
                          {'type': 'FitScene', 'scale': (2000, 960), 'enlarge_only': True},
                          {'type': 'LoadOCRAnnotations',
                           'with_polygon': True,
                           'with_bbox': True,
                           'with_label': True,
                           'with_text': True},
                          {'type': 'PackTextDetInputs',
                           'meta_keys': ('img_path',
                                         'ori_shape',
                                         'img_shape',
                                         'scale_factor')}]}}
visualizer = {'type': 'TextDetLocalVisualizer', 'name': 'visualizer'}
load_from = '{{ fileDirname }}/dbnet_words.pth'

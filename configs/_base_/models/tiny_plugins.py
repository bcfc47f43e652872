# Both plug-ins, for the small recognizers in configs/plugins.
tiny_plugins = dict(
    sec=dict(type='SECLoss'),
    glyph=dict(
        type='GlyphPlugin',
        backbone_maps=('backbone.layer1', 'backbone.layer2'), in_channels=(32, 64),
        feature_channels=128, channels=32, mask_channels=16, hidden_size=64,
        max_seq_len=25))

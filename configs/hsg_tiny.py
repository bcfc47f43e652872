# siga_tiny_baseline, whose strokes are grouped into letters, without letter boxes, by a head that
# only watches.
_base_ = ['siga_tiny_baseline.py']

model = dict(
    type='PluggedGlyphRecognizer',
    plugins=dict(grouping=dict(
        type='GroupingPlugin', reads='backbone.layer1', in_channels=32)))

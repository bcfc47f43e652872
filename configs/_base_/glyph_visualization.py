# Pictures of how a few words are read while a model trains: text mask, attention, glyph maps and
# confidence, every so many iterations. Every config of this package has them, switched off:
#
#   mim train mmocr configs/siga_tiny.py --cfg-options default_hooks.glyphs.enable=True
#
# The backends say where they go: the disk (vis_data/vis_image of the run), or also TensorBoard and
# WandB, with vis_backends=[dict(type='LocalVisBackend'), dict(type='TensorboardVisBackend')].
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='GlyphVisualizer', name='visualizer', vis_backends=vis_backends)

default_hooks = dict(
    glyphs=dict(type='GlyphVisualizationHook', enable=False, interval=500, num_words=6))

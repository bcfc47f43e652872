# ASTER with glyph supervision, and glyph features added to what its decoder reads.
_base_ = ['aster_glyph.py']

model = dict(plugins=dict(glyph=dict(feed=True)))

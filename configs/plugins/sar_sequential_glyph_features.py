# SAR, sequential decoder: glyph supervision, and glyph features added to what it reads.
_base_ = ['sar_sequential_glyph.py']

model = dict(plugins=dict(glyph=dict(feed=True)))

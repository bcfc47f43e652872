# ASTER with the SEC loss and glyph supervision.
_base_ = ['aster_glyph.py']

model = dict(plugins=dict(sec=dict(type='SECLoss')))

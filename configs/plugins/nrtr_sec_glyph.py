# NRTR with the SEC loss and glyph supervision.
_base_ = ['nrtr_glyph.py']

model = dict(plugins=dict(sec=dict(type='SECLoss')))

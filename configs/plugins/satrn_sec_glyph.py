# SATRN with the SEC loss and glyph supervision.
_base_ = ['satrn_glyph.py']

model = dict(plugins=dict(sec=dict(type='SECLoss')))

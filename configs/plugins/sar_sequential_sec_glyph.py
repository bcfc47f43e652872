# SAR, sequential decoder with the SEC loss and glyph supervision.
_base_ = ['sar_sequential_glyph.py']

model = dict(plugins=dict(sec=dict(type='SECLoss')))

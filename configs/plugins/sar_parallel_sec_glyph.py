# SAR, parallel decoder with the SEC loss and glyph supervision.
_base_ = ['sar_parallel_glyph.py']

model = dict(plugins=dict(sec=dict(type='SECLoss')))

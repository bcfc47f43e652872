# SIGA with the SEC loss.
_base_ = ['../siga_r31.py']

model = dict(type='PluggedGlyphRecognizer', plugins=dict(sec=dict(type='SECLoss')))

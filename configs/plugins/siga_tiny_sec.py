# SIGA with the SEC loss.
_base_ = ['../siga_tiny.py']

model = dict(type='PluggedGlyphRecognizer', plugins=dict(sec=dict(type='SECLoss')))

# ABINet with the SEC loss.
# Its training pipeline needs `pip install albumentations`.
_base_ = [
    'mmocr::textrecog/abinet/abinet_20e_st-an_mj.py',
    '_base_plugins.py',
]

model = dict(type='PluggedRecognizer', plugins=dict(sec=dict(type='SECLoss')))

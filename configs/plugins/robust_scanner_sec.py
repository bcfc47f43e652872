# RobustScanner with the SEC loss.
_base_ = [
    'mmocr::textrecog/robust_scanner/robustscanner_resnet31_5e_st-sub_mj-sub_sa_real.py',
    '_base_plugins.py',
]

model = dict(type='PluggedRecognizer', plugins=dict(sec=dict(type='SECLoss')))

# MASTER with the SEC loss.
_base_ = [
    'mmocr::textrecog/master/master_resnet31_12e_st_mj_sa.py',
    '_base_plugins.py',
]

model = dict(type='PluggedRecognizer', plugins=dict(sec=dict(type='SECLoss')))

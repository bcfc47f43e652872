# SATRN with the SEC loss.
_base_ = [
    'mmocr::textrecog/satrn/satrn_shallow_5e_st_mj.py',
    '_base_plugins.py',
]

model = dict(type='PluggedRecognizer', plugins=dict(sec=dict(type='SECLoss')))

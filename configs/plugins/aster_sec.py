# ASTER with the SEC loss.
_base_ = [
    'mmocr::textrecog/aster/aster_resnet45_6e_st_mj.py',
    '_base_plugins.py',
]

model = dict(type='PluggedRecognizer', plugins=dict(sec=dict(type='SECLoss')))

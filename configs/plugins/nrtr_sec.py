# NRTR with the SEC loss.
_base_ = [
    'mmocr::textrecog/nrtr/nrtr_modality-transform_6e_st_mj.py',
    '_base_plugins.py',
]

model = dict(type='PluggedRecognizer', plugins=dict(sec=dict(type='SECLoss')))

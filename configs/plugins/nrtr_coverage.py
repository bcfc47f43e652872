# NRTR whose attention, late in training, is kept from places that it has read.
_base_ = ['mmocr::textrecog/nrtr/nrtr_modality-transform_6e_st_mj.py']
custom_imports = dict(imports=['mmocr_siga'], allow_failed_imports=False)
optim_wrapper = dict(constructor='DeferredOptimWrapperConstructor')

model = dict(
    type='PluggedRecognizer',
    # Of some 250,000 iterations the last fifth.
    plugins=dict(coverage=dict(type='CoverageLoss', start=200_000)))

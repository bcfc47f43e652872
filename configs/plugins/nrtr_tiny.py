# A small NRTR, trained as siga_tiny on a CPU: for trying plug-ins.
# Maps of 16 x 64 (backbone.layer1, 32 channels) and 8 x 32 (layer2, 64); attention over 2 x 32.
_base_ = ['sar_tiny.py']

model = dict(
    type='NRTR',
    backbone=dict(strides=[(2, 2), (2, 2), (2, 1), (2, 1)]),
    encoder=dict(
        _delete_=True,
        type='NRTREncoder',
        n_layers=2, n_head=4, d_k=32, d_v=32, d_model=128, d_inner=256),
    decoder=dict(
        _delete_=True,
        type='NRTRDecoder',
        n_layers=2, d_embedding=128, n_head=4, d_k=32, d_v=32, d_model=128, d_inner=256,
        postprocessor=dict(type='AttentionPostprocessor'),
        module_loss=dict(
            type='CEModuleLoss', ignore_first_char=True, reduction='mean', letter_case='lower'),
        dictionary=_base_.base_dictionary,
        max_seq_len=27))

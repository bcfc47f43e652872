# A narrow SAR, trained as siga_tiny on a CPU: for trying plug-ins.
# Maps of 16 x 64 (backbone.layer1, 32 channels) and 8 x 32 (layer2, 64); attention over 4 x 32.
_base_ = ['../_base_/dictionary.py', '../_base_/recipes/tiny_real.py']

base_dictionary = dict(
    type='WordDictionary',
    dict_file='lower_english_digits.txt', with_start=True, with_end=True,
    same_start_end=True, with_padding=True, with_unknown=True, unknown_token=None)

train_dataloader = dict(dataset=dict(dictionary=_base_.dictionary))

model = dict(
    type='SARNet',
    data_preprocessor=dict(
        type='WordDataPreprocessor', bgr_to_rgb=True,
        mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
    backbone=dict(
        type='ResNet',
        in_channels=3, stem_channels=[16], block_cfgs=dict(type='BasicBlock'),
        arch_layers=[1, 1, 2, 1], arch_channels=[32, 64, 128, 128],
        strides=[(2, 2), (2, 2), (2, 1), (1, 1)],
        init_cfg=[dict(type='Kaiming', layer='Conv2d'),
                  dict(type='Constant', val=1, layer='BatchNorm2d')]),
    encoder=dict(type='SAREncoder', d_model=128, d_enc=128, enc_do_rnn=0.1),
    decoder=dict(
        type='ParallelSARDecoder',
        d_model=128, d_enc=128, d_k=64, pred_concat=True,
        postprocessor=dict(type='AttentionPostprocessor'),
        module_loss=dict(
            type='CEModuleLoss', ignore_first_char=True, reduction='mean', letter_case='lower'),
        dictionary=base_dictionary,
        # Start, 25 characters, end.
        max_seq_len=27))

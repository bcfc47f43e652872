# siga_tiny on real and rendered words in about equal parts, after configs/siga_tiny_easy.py: the
# recipe of the results table. Rendered words are looked for in $SIGA_RENDERED.
#
#   python tools/data/synthesize.py data/rendered_words --format lmdb --count 150000 \
#       --difficulty hard --random-strings 0.25 --lexicon WORDS.txt --backgrounds PHOTOGRAPHS
#   mim train mmocr configs/siga_tiny_mixed.py --amp
_base_ = ['siga_tiny.py']

warm_start = '{{$SIGA_WARM:work_dirs/siga_tiny_easy/iter_1500.pth}}'
max_iters = 8500
lr = 2e-3

rendered_words = dict(
    type='WordLMDBDataset', ann_file='{{$SIGA_RENDERED:data/rendered_words}}/train', pipeline=None)

train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            datasets=[
                rendered_words,
                dict(
                    type='RepeatDataset',
                    times=20,
                    dataset=dict(
                        type='ConcatDataset',
                        datasets=_base_.real_words_train_list,
                        verify_meta=False)),
            ])))

optim_wrapper = dict(optimizer=dict(lr=lr))
param_scheduler = [
    dict(
        type='OneCycleLR',
        eta_max=lr,
        total_steps=max_iters,
        pct_start=0.1,
        div_factor=10,
        final_div_factor=200,
        by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=850)
# Not by load_from, which --resume would go back to.
default_hooks = dict(
    checkpoint=dict(interval=850),
    warm_start=dict(type='WarmStartHook', checkpoint=warm_start))

# Real and rendered words in about equal parts, after tiny_easy.py: the recipe of the results table.
# A config also says whose weights it goes on from: default_hooks.warm_start.checkpoint.
#
#   python tools/data/synthesize.py data/rendered_words --format lmdb --count 150000 \
#       --difficulty hard --random-strings 0.25 --lexicon WORDS.txt --backgrounds PHOTOGRAPHS
_base_ = ['tiny_real.py']

max_iters = 8500
lr = 2e-3

train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            datasets=[
                dict(
                    type='WordLMDBDataset',
                    ann_file='{{$SIGA_DATA:data}}/rendered_words/train',
                    pipeline=None),
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
    dict(type='OneCycleLR', eta_max=lr, total_steps=max_iters, pct_start=0.1, div_factor=10,
         final_div_factor=200, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=850)
# Not by load_from, which --resume would go back to.
default_hooks = dict(checkpoint=dict(interval=850), warm_start=dict(type='WarmStartHook'))

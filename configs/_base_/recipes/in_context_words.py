# In-context reading, first stage, on a CPU: every word by itself. Two kinds of rendered words in
# files, besides real ones; without dots, machine faces and the faces that are held out, which are
# to remain unknown domains.
#
#   python tools/data/synthesize.py data/easy_words --format lmdb --count 24000 \
#       --charset alnum62 --max-length 5 --random-strings 0.5 --difficulty easy --part train \
#       --split train=0.98,val=0.02 --lexicon WORDS.txt
#   python tools/data/synthesize.py data/medium_words --format lmdb --count 60000 \
#       --difficulty medium --part train --random-strings 0.25 \
#       --split train=0.98,val=0.02 --lexicon WORDS.txt --backgrounds PHOTOGRAPHS
_base_ = ['tiny_real.py']

max_iters = 6000

train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            datasets=[
                *(dict(type='WordLMDBDataset', ann_file='{{$SIGA_DATA:data}}/' + folder + '/train',
                       pipeline=None) for folder in ('easy_words', 'medium_words')),
                dict(
                    type='RepeatDataset',
                    times=4,
                    dataset=dict(
                        type='ConcatDataset',
                        datasets=_base_.real_words_train_list,
                        verify_meta=False)),
            ])))

param_scheduler = [
    dict(type='OneCycleLR', eta_max=1e-3, total_steps=max_iters, pct_start=0.1, div_factor=10,
         final_div_factor=100, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=1000)
default_hooks = dict(checkpoint=dict(interval=1000), warm_start=dict(type='WarmStartHook'))

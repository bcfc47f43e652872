# The first minutes of the recipe behind the results table: easy rendered words, of up to five
# characters, without augmentation. On hard and long words alone, an attention decoder first learns
# to spell without looking, and takes long to find out that looking helps.
#
#   python tools/data/synthesize.py data/easy_words --format lmdb --count 24000 \
#       --charset alnum62 --max-length 5 --random-strings 0.5 --difficulty easy \
#       --split train=0.98,val=0.02 --lexicon WORDS.txt
_base_ = ['tiny_real.py']

max_iters = 1500

train_dataloader = dict(
    batch_size=32,
    dataset=dict(
        pipeline=[t for t in _base_.train_pipeline if not t['type'].startswith('Random')],
        dataset=dict(
            datasets=[
                dict(
                    type='WordLMDBDataset',
                    ann_file='{{$SIGA_DATA:data}}/easy_words/train',
                    pipeline=None)
            ])))

optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=200, by_epoch=False)
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
default_hooks = dict(checkpoint=dict(interval=max_iters))

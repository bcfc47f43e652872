# siga_tiny on real and rendered words in about equal parts: the recipe of the results table.
#
#   python tools/data/make_words.py data/rendered_words --lmdb --count 150000
_base_ = ['siga_tiny.py']

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

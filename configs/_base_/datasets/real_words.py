# Real words in tab-separated tables: $SIGA_DATA/real/<set>/{train,val}.tsv, one
# "images/name<tab>transcription" a line (docs/guides/data.md).
real_words_root = '{{$SIGA_DATA:data}}/real'
# What is done about a set that is not there: 'error', or 'skip' to use what is there.
real_words_missing = '{{$SIGA_MISSING:error}}'

real_words_folders = dict(
    IIIT5K='iiit5k_train', SVT='svt_train', IC15='ic15_train', IC03='ic03_train', plates='plates')

real_words_train_list = [
    dict(
        type='WordTSVDataset',
        data_root=f'{real_words_root}/{folder}',
        ann_file='train.tsv',
        pipeline=None) for name, folder in real_words_folders.items() if name != 'plates'
]
real_words_val = dict(
    type='AvailableDatasets',
    datasets={
        name: dict(
            type='WordTSVDataset',
            data_root=f'{real_words_root}/{folder}',
            ann_file='val.tsv',
            test_mode=True,
            pipeline=None)
        for name, folder in real_words_folders.items()
    },
    missing=real_words_missing)
# For MMOCR's ConcatDataset.
real_words_val_list = list(real_words_val['datasets'].values())

real_words_val_evaluator = dict(
    type='NamedDatasetsEvaluator',
    metrics=[dict(type='WordProtocolMetric')],
    # For a ConcatDataset; AvailableDatasets brings its names along.
    dataset_prefixes=list(real_words_folders))

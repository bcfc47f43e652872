# Real words in tab-separated tables: <root>/real/<set>/{train,val}.tsv, one
# "images/name<tab>transcription" a line. The root is taken from the environment.
siga_data_root = '{{$SIGA_DATA:../shared/data}}'

iiit5k_words_train = dict(
    type='WordTSVDataset',
    data_root=siga_data_root + '/real/iiit5k_train',
    ann_file='train.tsv',
    pipeline=None)

svt_words_train = dict(
    type='WordTSVDataset',
    data_root=siga_data_root + '/real/svt_train',
    ann_file='train.tsv',
    pipeline=None)

ic15_words_train = dict(
    type='WordTSVDataset',
    data_root=siga_data_root + '/real/ic15_train',
    ann_file='train.tsv',
    pipeline=None)

ic03_words_train = dict(
    type='WordTSVDataset',
    data_root=siga_data_root + '/real/ic03_train',
    ann_file='train.tsv',
    pipeline=None)

iiit5k_words_val = dict(
    type='WordTSVDataset',
    data_root=siga_data_root + '/real/iiit5k_train',
    ann_file='val.tsv',
    test_mode=True,
    pipeline=None)

svt_words_val = dict(
    type='WordTSVDataset',
    data_root=siga_data_root + '/real/svt_train',
    ann_file='val.tsv',
    test_mode=True,
    pipeline=None)

ic15_words_val = dict(
    type='WordTSVDataset',
    data_root=siga_data_root + '/real/ic15_train',
    ann_file='val.tsv',
    test_mode=True,
    pipeline=None)

ic03_words_val = dict(
    type='WordTSVDataset',
    data_root=siga_data_root + '/real/ic03_train',
    ann_file='val.tsv',
    test_mode=True,
    pipeline=None)

plates_words_val = dict(
    type='WordTSVDataset',
    data_root=siga_data_root + '/real/plates',
    ann_file='val.tsv',
    test_mode=True,
    pipeline=None)

real_words_train_list = [
    iiit5k_words_train, svt_words_train, ic15_words_train, ic03_words_train
]
real_words_val_list = [
    iiit5k_words_val, svt_words_val, ic15_words_val, ic03_words_val, plates_words_val
]

# What is done about a set that is not there: 'error', or 'skip' to use what is there.
real_words_missing = '{{$SIGA_MISSING:error}}'
real_words_val = dict(
    type='AvailableDatasets',
    datasets=dict(
        IIIT5K=iiit5k_words_val,
        SVT=svt_words_val,
        IC15=ic15_words_val,
        IC03=ic03_words_val,
        plates=plates_words_val),
    missing=real_words_missing)

real_words_val_evaluator = dict(
    type='NamedDatasetsEvaluator',
    metrics=[dict(type='WordProtocolMetric')],
    # For a ConcatDataset; AvailableDatasets brings its names along.
    dataset_prefixes=['IIIT5K', 'SVT', 'IC15', 'IC03', 'plates'])

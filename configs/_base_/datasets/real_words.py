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

real_words_val_evaluator = dict(
    type='MultiDatasetsEvaluator',
    metrics=[
        dict(type='WordMetric', mode=['exact', 'ignore_case', 'ignore_case_symbol']),
        dict(type='OneMinusNEDMetric'),
    ],
    dataset_prefixes=['IIIT5K', 'SVT', 'IC15', 'IC03', 'plates'])

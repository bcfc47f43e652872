# Real words by kind: the sets of real_words.py, plates, wire marks, curved words and receipts, with
# the share of each kind in training.
_base_ = ['real_words.py']

kinds = dict(
    scenes=(0.60, ['iiit5k_train', 'svt_train', 'ic15_train', 'ic03_train']),
    curved=(0.04, ['totaltext_50']),
    plates=(0.16, ['plates_us', 'plates_id', 'plates_world', 'plates_cn']),
    wire_marks=(0.15, ['wire_marks']),
    receipts=(0.05, ['receipts_sroie']))  # print on paper, no scenes

kinds_root = _base_.real_words_root
kinds_train_list = [
    dict(type='WordTSVDataset', data_root=f'{kinds_root}/{folder}', ann_file='train.tsv',
         pipeline=None)
    for _, folders in kinds.values() for folder in folders
]
kinds_sampler = dict(
    type='RatioSampler', ratios=[share for share, _ in kinds.values()],
    groups=[len(folders) for _, folders in kinds.values()])

kinds_folders = dict(
    _base_.real_words_folders, plates_us='plates_us', plates_id='plates_id',
    plates_world='plates_world', plates_cn='plates_cn', wire_marks='wire_marks',
    totaltext='totaltext_50', receipts='receipts_sroie')
kinds_val = dict(
    type='AvailableDatasets',
    datasets={
        name: dict(type='WordTSVDataset', data_root=f'{kinds_root}/{folder}', ann_file='val.tsv',
                   test_mode=True, pipeline=None)
        for name, folder in kinds_folders.items()
    },
    missing=_base_.real_words_missing)
kinds_evaluator = dict(
    type='NamedDatasetsEvaluator', metrics=[dict(type='WordProtocolMetric')],
    dataset_prefixes=list(kinds_folders))

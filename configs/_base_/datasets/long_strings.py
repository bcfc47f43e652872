# Long codes that repeat themselves and the source of formulas, 30 to 100 characters, all of ASCII.
#
#   python tools/data/synthesize.py data/long_strings/codes --preset long_codes --format tsv \
#       --count 20000 --seed 1 --split train=0.95,val=0.05
#   python tools/data/synthesize.py data/long_strings/formulas --preset formulas --format tsv \
#       --count 20000 --seed 2 --split train=0.95,val=0.05
long_strings_root = '{{$SIGA_DATA:data}}/long_strings'
long_strings_dictionary = dict(
    type='WordDictionary', dict_file='94', with_end=True, with_unknown=True, unknown_token=None)

long_strings_train = [
    dict(type='WordTSVDataset', data_root=f'{long_strings_root}/{name}', ann_file='train.tsv',
         pipeline=None) for name in ('codes', 'formulas')
]
long_strings_val = dict(
    type='AvailableDatasets',
    datasets={
        name: dict(type='WordTSVDataset', data_root=f'{long_strings_root}/{name}',
                   ann_file='val.tsv', test_mode=True, pipeline=None)
        for name in ('codes', 'formulas')
    })
# Every character counts, and words are all long.
long_strings_evaluator = dict(
    type='NamedDatasetsEvaluator',
    metrics=[
        dict(type='WordProtocolMetric', protocols=['94']),
        dict(type='CharacterErrorMetric', protocol='94', lengths=(50, 70, 85)),
    ],
    dataset_prefixes=['codes', 'formulas'])

# MJSynth + SynthText, or Union14M-L, for training and the common benchmarks for testing, in one of
# two forms; docs/guides/benchmarks.md has the folders.
#
# SIGA_DATA             where the data lie (data)
# SIGA_BENCHMARK_FORM   json: MMOCR's form; lmdb: the field's databases (json)
# SIGA_MISSING          error, or skip to use the sets that are there (error)
benchmark_root = '{{$SIGA_DATA:data}}'
benchmark_form = '{{$SIGA_BENCHMARK_FORM:json}}'
benchmark_missing = '{{$SIGA_MISSING:error}}'

union14m_levels = ['easy', 'medium', 'normal', 'hard', 'challenging']
# Annotation files and databases below the root.
benchmark_files = dict(
    json=dict(
        MJSynth='mjsynth/textrecog_train.json',
        SynthText='synthtext/textrecog_train.json',
        **{
            f'Union14M_{level}': f'Union14M-L/train_annos/mmocr1.0.x/train_{level}.json'
            for level in union14m_levels
        },
        IIIT5K='iiit5k/textrecog_test.json',
        SVT='svt/textrecog_test.json',
        IC13_857='icdar2013/textrecog_test_857.json',
        IC13_1015='icdar2013_1015/textrecog_test.json',
        IC15_1811='icdar2015/textrecog_test_1811.json',
        IC15_2077='icdar2015/textrecog_test.json',
        SVTP='svtp/textrecog_test.json',
        CUTE80='cute80/textrecog_test.json',
        MPSC='mpsc/textrecog_test.json',
        ArbitText='arbittext/textrecog_test.json'),
    lmdb=dict(
        **{f'MJSynth_{part}': f'training/MJ/MJ_{part}' for part in ('train', 'valid', 'test')},
        SynthText='training/ST',
        **{
            f'Union14M_{level}': f'training/Union14M-L/train_{level}'
            for level in union14m_levels
        },
        IIIT5K='evaluation/IIIT5k_3000',
        **{
            name: f'evaluation/{name}'
            for name in ('SVT', 'IC13_857', 'IC13_1015', 'IC15_1811', 'IC15_2077', 'SVTP',
                         'CUTE80', 'MPSC', 'ArbitText')
        }))[benchmark_form]

# Paths of images are relative to the folder of their set.
benchmark_sets = {
    name: dict(
        type=dict(json='WordJSONDataset', lmdb='WordLMDBDataset')[benchmark_form],
        data_root=f'{benchmark_root}/{path.partition("/")[0]}',
        ann_file=path.partition('/')[2],
        pipeline=None)
    for name, path in benchmark_files.items()
}
synthetic_train_sets = {
    name: words for name, words in benchmark_sets.items()
    if name.startswith(('MJSynth', 'SynthText'))
}
union14m_train_sets = {
    name: words for name, words in benchmark_sets.items() if name.startswith('Union14M')
}
all_test_sets = {
    name: dict(words, test_mode=True) for name, words in benchmark_sets.items()
    if not name.startswith(('MJSynth', 'SynthText', 'Union14M'))
}
# The six of the usual tables, of IC13 and IC15 the smaller versions. The larger ones contain
# them, so that an average over both would count words twice.
benchmark_test_sets = {
    name: all_test_sets[name]
    for name in ('CUTE80', 'IIIT5K', 'SVT', 'SVTP', 'IC13_857', 'IC15_1811')
}
# Words that no language model helps with: serial numbers and random characters.
contextless_test_sets = {name: all_test_sets[name] for name in ('MPSC', 'ArbitText')}

benchmark_train = dict(
    type='AvailableDatasets', datasets=synthetic_train_sets, missing=benchmark_missing)
# In place of benchmark_train: real words.
union14m_train = dict(
    type='AvailableDatasets', datasets=union14m_train_sets, missing=benchmark_missing)
benchmark_test = dict(
    type='AvailableDatasets', datasets=benchmark_test_sets, missing=benchmark_missing)

benchmark_evaluator = dict(
    type='NamedDatasetsEvaluator',
    metrics=[dict(type='WordProtocolMetric')],
    # For a ConcatDataset; AvailableDatasets brings its names along.
    dataset_prefixes=list(benchmark_test_sets))

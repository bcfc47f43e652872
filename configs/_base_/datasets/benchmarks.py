# MJSynth + SynthText for training and the six common benchmarks for validation and testing.
#
# SIGA_BENCHMARKS       where the data lie (data)
# SIGA_BENCHMARK_FORM   json: MMOCR's form; lmdb: the field's databases (json)
# SIGA_MISSING          error, or skip to use the sets that are there (error)
#
# benchmarks_json.py and benchmarks_lmdb.py name all the sets, Union14M-L, MPSC and ArbitText too.
_base_ = ['benchmarks_{{$SIGA_BENCHMARK_FORM:json}}.py']

# The six of the usual tables, of IC13 and IC15 the smaller versions. The larger ones contain
# them, so that an average over both would count words twice.
benchmark_test_sets = dict(
    CUTE80=_base_.all_test_sets.CUTE80,
    IIIT5K=_base_.all_test_sets.IIIT5K,
    SVT=_base_.all_test_sets.SVT,
    SVTP=_base_.all_test_sets.SVTP,
    IC13_857=_base_.all_test_sets.IC13_857,
    IC15_1811=_base_.all_test_sets.IC15_1811)
# Words that no language model helps with: serial numbers and random characters.
contextless_test_sets = dict(
    MPSC=_base_.all_test_sets.MPSC, ArbitText=_base_.all_test_sets.ArbitText)

benchmark_train = dict(
    type='AvailableDatasets',
    datasets=_base_.synthetic_train_sets,
    missing=_base_.benchmark_missing)
# In place of benchmark_train: real words.
union14m_train = dict(
    type='AvailableDatasets',
    datasets=_base_.union14m_train_sets,
    missing=_base_.benchmark_missing)
benchmark_test = dict(
    type='AvailableDatasets',
    datasets=benchmark_test_sets,
    missing=_base_.benchmark_missing)

# The same as lists, for MMOCR's ConcatDataset.
benchmark_train_list = list(_base_.synthetic_train_sets.values())
benchmark_test_list = list(benchmark_test_sets.values())

benchmark_evaluator = dict(
    type='NamedDatasetsEvaluator',
    metrics=[dict(type='WordProtocolMetric')],
    # For a ConcatDataset; AvailableDatasets brings its names along.
    dataset_prefixes=list(benchmark_test_sets))

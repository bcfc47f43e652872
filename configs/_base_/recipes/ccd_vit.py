# The reference's length: 98 million words, in batches of 256 over all GPUs, of MJSynth and
# SynthText without their labels and of the unlabeled words that are there.
_base_ = ['ccd.py', '../datasets/benchmarks.py', '../datasets/unlabeled_words.py']

train_dataloader = dict(
    dataset=dict(
        dataset=dict(
            type='AvailableDatasets',
            datasets=[*_base_.synthetic_train_sets.values(),
                      *_base_.unlabeled_words.datasets],
            missing='skip')))

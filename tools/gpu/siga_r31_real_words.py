# siga_r31 on the real words of docs/guides/data.md, for steps where MJSynth and SynthText are not.
_base_ = ['../../configs/siga_r31.py', '../../configs/_base_/datasets/real_words.py']

train_dataloader = dict(
    batch_size=64, num_workers=8,
    dataset=dict(dataset=dict(
        _delete_=True, type='AvailableDatasets', datasets=_base_.real_words_train_list,
        missing=_base_.real_words_missing)))

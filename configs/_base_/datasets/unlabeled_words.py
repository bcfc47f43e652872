# Words without labels: pictures of the training sets of real words, whose labels are not looked at,
# and all pictures in the folder $SIGA_WORDS, for example those that
#
#   python tools/data/crop_words.py PHOTOS words
#
# cuts out of photographs.
_base_ = ['real_words_kinds.py']

words_folder = dict(type='WordFolderDataset', ann_file='{{$SIGA_WORDS:data/unlabeled_words}}',
                    pipeline=None)
unlabeled_words = dict(
    type='AvailableDatasets',
    datasets=[*_base_.kinds_train_list, words_folder],
    # A set that is not there is named in the log.
    missing='skip')

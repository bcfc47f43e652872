# Whole scenes with their words: $SIGA_DATA/real/ic15_scenes/{images/NAME.jpg, gts/gt_NAME.txt},
# ICDAR 2015's "x1,y1,...,x4,y4,text" a line, '###' to be ignored. Ten scenes, drawn by a seed, are
# set aside for testing; of ic15_scenes_more, 389 others, thirty.
ic15_scenes_train = dict(
    type='ICDARSceneDataset',
    data_root='{{$SIGA_DATA:data}}/real/ic15_scenes',
    ann_file='gts',
    data_prefix=dict(img_path='images'),
    part='train',
    test_count=10,
    split_seed=0,
    pipeline=None)
ic15_scenes_test = dict(ic15_scenes_train, part='test', test_mode=True)
ic15_more_train = dict(
    ic15_scenes_train, data_root='{{$SIGA_DATA:data}}/real/ic15_scenes_more', test_count=30)
ic15_more_test = dict(ic15_more_train, part='test', test_mode=True)

# Two views of a word of 32 x 128 pixels, whose characters have numbers, for pre-training without
# labels. Photometry and geometry are those of CCD (ICCV 2023), without weather.
train_pipeline = [
    # Files as well as the decoded images of an LMDB data set.
    dict(type='LoadWordImage'),
    dict(type='EnsureBGR'),
    dict(type='WordViewPair', size=(128, 32), prob=0.7,
         photometry=[dict(type='RandomTextPhotometry', prob=0.8)]),
    dict(type='PackWordViews'),
]

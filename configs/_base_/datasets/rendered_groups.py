# Groups of 16 words that have to do with each other, drawn while training. Words are looked for in
# a file with a word a line; lexicon=None does without.
rendered_groups_train = dict(
    type='RenderedGroupDataset',
    length=1_024_000, difficulty='medium', part='train', random_strings=0.25,
    lexicon='{{$SIGA_DATA:data}}/synth/lexicon_90k.txt',
    mix=dict(style=0.35, face=0.15, st=0.15, alphabet=0.25, plain=0.1))

# Rendered words in perspective on photographs without writing, without end: in SynthText's place.
# Photographs are looked for in $SIGA_DATA/synth/backgrounds, words in a file with a word a line;
# backgrounds=None and lexicon=None do without. The held-out scenes are drawn by another seed.
rendered_scenes_train = dict(
    type='RenderedSceneDataset',
    length=1_000_000, size=(640, 640),
    backgrounds='{{$SIGA_DATA:data}}/synth/backgrounds',
    lexicon='{{$SIGA_DATA:data}}/synth/lexicon_90k.txt',
    pipeline=None)
rendered_scenes_test = dict(rendered_scenes_train, length=200, size=(512, 512), seed=1_000_003)

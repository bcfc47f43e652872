from collections import Counter

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmocr_siga.datasets import GroupSampler, RenderedGroupDataset
from mmocr_siga.datasets.rendered_group_dataset import MIX, restyled
from mmocr_siga.datasets.transforms.split_word import WordPiece
from mmocr_siga.rendering.fonts import bundled_font_dir

FACES = [str(bundled_font_dir() / f'{name}.ttf')
         for name in ('DejaVuSans', 'DejaVuSerif-Bold', 'DejaVuSansMono')]
DICTIONARY = dict(type='WordDictionary', dict_file='lower_english_digits.txt', with_end=True,
                  with_unknown=True, unknown_token=None)


def build(length=32, **options):
    return RenderedGroupDataset(length, **{'fonts': FACES, 'charset': 'alnum62',
                                           'difficulty': 'easy', **options})


def text(info):
    return info['instances'][0]['text']


def group(dataset, number=0):
    size = dataset.group_size
    return [dataset.get_data_info(number * size + place) for place in range(size)]


def members(dataset, kind, number=0):
    """What a group of a kind is drawn from."""
    return getattr(dataset, f'_{kind}')(np.random.default_rng(number), (1, number))


@pytest.mark.parametrize('kind', MIX)
@pytest.mark.parametrize('size', [1, 2, 16])
def test_groups_of_each_kind_are_whole(kind, size):
    dataset = build(2 * size, group_size=size, mix={kind: 1}, dictionary=DICTIONARY, max_seq_len=12)
    for number in range(2):
        for info in group(dataset, number):
            assert info['group_kind'] == kind and f'of group {number} of' in info['img_path']
            assert info['img'].dtype == np.uint8 and info['img'].shape == (*info['img_shape'], 3)
            assert 1 <= len(text(info)) <= 12 and text(info) == text(info).lower()


def test_style_and_face():
    dataset = build()
    style = members(dataset, 'style')
    assert len({word.font for word in style}) == 1
    assert len({word.text.casefold() for word in style}) == 16
    # One board and one light: where there is no ink in the corners, all are alike.
    corners = np.array([word.image[0, 0] for word in style], int)
    assert np.ptp(corners, 0).max() < 40
    faces = [members(dataset, 'face', number) for number in range(12)]
    fonts = [{word.font for word in words} for words in faces]
    assert all(len(paths) == 1 for paths in fonts) and len(set.union(*fonts)) > 1
    assert np.ptp([word.image[0, 0].astype(int) for word in faces[0]], 0).max() > 60


def test_invented_alphabets():
    dataset = build(dictionary=DICTIONARY, letters=(3, 5))
    known = set('0123456789abcdefghijklmnopqrstuvwxyz')
    scripts, used = set(), set()
    for number in range(5):
        words = members(dataset, 'alphabet', number)
        letters = set(''.join(word.text for word in words))
        assert letters <= known and 2 <= len(letters) <= 5
        script, = {word.font for word in words}
        assert script.startswith('built-in:') and script.count('/') == 2
        scripts.add(script)
        used |= letters
        assert len({word.text for word in words}) == 16
    assert len(scripts) == 5 and len(used) > 6  # other glyphs and other letters each time


def test_pieces_and_copies_belong_to_words_of_their_group():
    dataset = build(charset='abcdefghijklmnopqrstuvwxyz', random_strings=0.0)
    for number in range(3):
        words = members(dataset, 'st', number)
        renders = {word.text for word in (dataset.renderer.render((1, number, place))
                                          for place in range(8))}
        texts = [word.text for word in words]
        assert len(texts) == 16
        # 2 to 4 copies: 6 or 7 words with a piece for each, if they can be split.
        drawn = [t for t in texts if t in renders]
        assert all(any(t in whole for whole in renders) for t in texts)
        assert len(drawn) >= 6 and any(t not in renders for t in texts)
        order = [texts.index(t) for t in dict.fromkeys(texts) if t in renders]
        assert order != list(range(len(order)))
    # Words of one character have no pieces: copies take their place.
    single = members(build(charset='abc', max_length=1, random_strings=1.0), 'st')
    assert len(single) == 16 and {len(word.text) for word in single} == {1}


def test_restyled_pictures():
    image = np.zeros((20, 60, 3), np.uint8)
    image[:] = (30, 90, 180)
    shapes, colors = set(), set()
    for seed in range(8):
        out = restyled(np.random.default_rng(seed), image)
        assert out.dtype == np.uint8 and out.shape[0] >= 20 and out.ndim == 3
        shapes.add(out.shape)
        colors.add(tuple(out[0, 0]))  # what is beyond the picture continues it
    assert len(shapes) > 4 and len(colors) == 8


def test_kinds_are_mixed_as_asked(monkeypatch):
    dataset = build(16 * 3000, mix=dict(style=3, plain=1))
    kinds = Counter()
    word = WordPiece(np.zeros((2, 2, 3), np.uint8), 'a')
    for kind in MIX:
        monkeypatch.setattr(dataset, f'_{kind}', lambda rng, key, kind=kind: (
            kinds.update([kind]) or [word]))
    for number in range(3000):
        dataset._group(number, 0)
    # Standard deviation 24.
    assert abs(kinds['style'] - 2250) < 100 and kinds['style'] + kinds['plain'] == 3000


def test_groups_depend_on_seed_pass_and_number_only():
    dataset = build(64)
    wanted = [[text(info) for number in range(4) for info in group(dataset, number)]
              for _ in range(2)]
    assert wanted[0] != wanted[1] != [text(i) for i in group(build(64, seed=1))]
    backwards = build(64)
    assert [text(backwards.get_data_info(k)) for k in reversed(range(64))] == wanted[0][::-1]
    first = build(64).get_data_info(17)
    np.testing.assert_array_equal(first['img'], build(64).get_data_info(17)['img'])


@pytest.mark.parametrize('batch_size', [16, 24])
def test_two_processes_draw_the_groups_that_one_draws(batch_size):
    expected = build(48)
    dataset = build(48)
    loader = DataLoader(dataset, batch_size=batch_size, num_workers=2, collate_fn=list,
                        sampler=GroupSampler(dataset, seed=5), persistent_workers=True,
                        multiprocessing_context='fork')
    for epoch in range(2):
        loader.sampler.set_epoch(epoch)
        found = [info for batch in loader for info in batch]
        order = list(loader.sampler)
        assert [info['sample_idx'] for info in found] == order
        for info, index in zip(found, order):
            other = expected.get_data_info(index)
            assert (text(info), info['img_path']) == (text(other), other['img_path'])
            np.testing.assert_array_equal(info['img'], other['img'])


def test_another_word_of_the_group_takes_the_place_of_one_without_a_result():
    def picky(info):
        info['img'][:] = 0  # what a pipeline does to a picture is its own
        return info if info['sample_idx'] % 16 in (3, 9) else None

    dataset, twin = build(pipeline=[picky]), build()
    found = [dataset[k]['sample_idx'] for k in (0, 3, 4, 15, 16 + 10, -1)]
    assert found == [3, 3, 9, 3, 16 + 3, 16 + 3]
    # The next pass has whole groups again.
    wanted = [group(twin) for _ in range(2)][1][5]
    for k in range(16):
        if dataset.visits[k] == 0:
            dataset.get_data_info(k)
    np.testing.assert_array_equal(dataset.get_data_info(5)['img'], wanted['img'])
    with pytest.raises(RuntimeError, match='None for all words of group 1'):
        build(pipeline=[lambda info: None])[20]


@pytest.mark.parametrize('options, message', [
    (dict(length=40), 'multiple of group_size, but they are 40 and 16'),
    (dict(group_size=0), 'multiple of group_size'), (dict(mix={}), 'mix has shares'),
    (dict(mix=dict(odd=1)), 'mix has shares'), (dict(mix=dict(style=0)), 'not all 0'),
    (dict(mix=dict(style=-1, face=2)), 'at least 0'), (dict(letters=(1, 4)), 'at least 2'),
    (dict(letters=(5, 4)), 'in order')])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_what_cannot_be_drawn_is_told():
    dataset = build(charset='01', max_length=1, preset='contextless', mix=dict(style=1))
    with pytest.raises(RuntimeError, match="of the kind 'style' .* found no 16 different words"):
        dataset[0]

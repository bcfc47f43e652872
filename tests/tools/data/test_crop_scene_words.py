import cv2
import numpy as np
import pytest

from tests.helpers.ending import ended
from tools.data import crop_scene_words
from tools.data.crop_scene_words import moved

TOP, BOTTOM = np.array([[100., 50], [200, 50]]), np.array([[100., 90], [200, 90]])


@pytest.fixture
def root(tmp_path):
    """Six scenes with a word of 100 x 40 pixels, red to the left and blue to the right."""
    (tmp_path / 'images').mkdir()
    (tmp_path / 'gts').mkdir()
    picture = np.full((150, 300, 3), 127, np.uint8)
    picture[50:90, 100:150] = 0, 0, 255
    picture[50:90, 150:200] = 255, 0, 0
    for k in range(6):
        cv2.imwrite(str(tmp_path / f'images/{k}.png'), picture)
        (tmp_path / f'gts/gt_{k}.txt').write_text(
            f'100,50,200,50,200,90,100,90,Word{k}\n1,1,30,1,30,20,1,20,###\n'
            '1,1,30,1,30,4,1,4,low\n')
    return tmp_path


def crop(root, *options):
    code = ended(crop_scene_words.main, [str(root / 'images'), str(root / 'gts'),
                                         str(root / 'out'), *options])
    table = root / 'out/words.tsv'
    lines = table.read_text().splitlines() if table.is_file() else []
    return code, [line.split('\t') for line in lines]


def test_words_are_cut_out_with_their_texts(root, capsys):
    code, words = crop(root, '--copies', '2')
    assert code == 0 and [text for _, text in words] == [f'Word{k // 3}' for k in range(18)]
    first, *copies = [cv2.imread(str(root / 'out' / path)).astype(int) for path, _ in words[:3]]
    assert first.shape == (40, 100, 3)
    assert abs(first[5:35, 5:45] - (0, 0, 255)).max() < 12  # it is stored as JPEG
    assert abs(first[5:35, 55:95] - (255, 0, 0)).max() < 12
    assert all(copy.shape != first.shape or abs(copy - first).max() > 50 for copy in copies)
    said = capsys.readouterr().out
    assert {'6 scenes', '6 words', '18 pictures', '6 words left out: too small',
            '6 regions left out: to be ignored'} == set(said.splitlines())


def test_scenes_are_set_aside_as_the_dataset_does(root):
    from mmocr_siga.datasets import ICDARSceneDataset
    kept = ICDARSceneDataset(ann_file='gts', data_root=str(root), part='train', test_count=2,
                             split_seed=0, data_prefix=dict(img_path='images'), pipeline=[])
    expected = [f'Word{info["img_path"][-5]}'
                for info in map(kept.get_data_info, range(len(kept)))]
    assert [text for _, text in crop(root, '--copies', '0', '--set-aside', '2')[1]] == expected
    assert len(expected) == 4


def test_an_unreadable_scene_does_not_cost_the_others(root, capsys):
    whole = cv2.imencode('.jpg', cv2.imread(str(root / 'images/2.png')))[1].tobytes()
    (root / 'images/2.png').unlink()
    (root / 'images/2.jpg').write_bytes(whole[:len(whole) // 2])
    code, words = crop(root, '--copies', '0')
    assert code == 0 and [text for _, text in words] == ['Word0', 'Word1', 'Word3', 'Word4',
                                                         'Word5']
    out = capsys.readouterr()
    assert '1 unreadable scenes' in out.out and '2.jpg' in out.err


def test_moved_regions_keep_within_the_jitter():
    rng = np.random.default_rng(0)
    found = np.array([np.concatenate(moved(TOP, BOTTOM, 0.2, rng)) for _ in range(500)])
    by = found - np.concatenate([TOP, BOTTOM])
    # 8 pixels are a fifth of the height: outwards by that and half of it, inwards by half twice.
    outwards = by * [[-1, -1], [1, -1], [-1, 1], [1, 1]]
    assert -8 <= outwards.min() < -7 and 11 < outwards.max() <= 12
    assert np.allclose(moved(TOP, BOTTOM, 0, rng), (TOP, BOTTOM))
    assert np.allclose(TOP, [[100, 50], [200, 50]])


def test_moved_regions_of_turned_words_are_moved_along_them():
    turn = np.array([[0., 1], [-1, 0]])  # by a quarter
    straight = moved(TOP, BOTTOM, 0.2, np.random.default_rng(3))
    turned = moved(TOP @ turn, BOTTOM @ turn, 0.2, np.random.default_rng(3))
    noise = np.random.default_rng(3)
    noise.uniform(size=4)
    for one, other in zip(straight, turned):
        jitter = noise.uniform(-4, 4, (2, 2))
        assert np.allclose((one - jitter) @ turn, other - jitter)


def test_errors(root, capsys):
    (root / 'out').mkdir()
    (root / 'out/words.tsv').touch()
    assert crop(root)[0] == 2 and 'out' in capsys.readouterr().err
    assert crop(root, '--format', 'x')[0] == 2

"""tools/gpu/pack.py: what travels, and how much of it."""
import tarfile

import cv2
import numpy as np
import pack
import pytest

from tests.helpers.word_sets import write_boxed_sets


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Two sets of two words each to train on and to test, one picture broken."""
    root = write_boxed_sets(tmp_path / 'data', ['plates'])
    tall = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    cv2.imwrite(str(root / 'real/plates/images/0.png'), tall)
    (root / 'real/ic03_train/images/1.png').write_bytes(b'no picture')
    (tmp_path / 'photographs').mkdir()
    cv2.imwrite(str(tmp_path / 'photographs/a.png'), tall)
    (tmp_path / 'words.txt').write_text('one\ntwo\n')
    monkeypatch.setenv('SIGA_DATA', str(root))
    monkeypatch.setattr(pack, 'FONTS_MIB', 0.2)
    monkeypatch.setattr(pack, 'add_teacher', lambda pack: False)
    return tmp_path


def run(data, *options):
    return pack.main([str(data / 'out'), '--lexicon', str(data / 'words.txt'), '--backgrounds',
                      str(data / 'photographs'), *options])


def test_words_tables_photographs_and_faces(data, capsys):
    assert run(data, '--limit', '5') == 0
    said = capsys.readouterr()
    assert '10 words' in said.out and '2 left out' in said.out  # in both tables
    assert said.err.count('1.png') == 2 and 'left out' in said.err
    with tarfile.open(data / 'out/pack.tar.gz') as tar:
        tar.extractall(data / 'unpacked')
    there = data / 'unpacked'
    lines = (there / 'real/iiit5k_train/train.tsv').read_text().splitlines()
    assert [line.split('\t')[1] for line in lines] == ["Ab'c", 'xy']
    image = cv2.imread(str(there / 'real/iiit5k_train' / lines[0].split('\t')[0]))
    assert image.shape == (20, 60, 3) and abs(int(image[0, 0, 0]) - 220) < 8
    tall = (there / 'real/plates/train.tsv').read_text().splitlines()[0].split('\t')[0]
    assert cv2.imread(str(there / 'real/plates' / tall)).shape == (64, 96, 3)
    assert len((there / 'real/ic03_train/val.tsv').read_text().splitlines()) == 1
    assert (there / 'lexicon.txt').read_text() == 'one\ntwo\n'
    assert max(cv2.imread(str(there / 'backgrounds/a.jpg')).shape) == pack.BACKGROUND_SIDE
    assert sum(path.stat().st_size for path in there.glob('fonts/*/*')) <= 0.2 * 2 ** 20


def test_what_does_not_fit_is_made_smaller_or_refused(data):
    # The broken one is no sample.
    words = [word for word in pack.find_words(data / 'data', None)
             if word.split == 'train' and word.folder != 'ic03_train']
    sizes = [sum(len(pack.smaller(word.path, *size)) + pack.ENTRY for word in words)
             for size in pack.SIZES]
    assert pack.fitting_size(words, sizes[0]) == pack.SIZES[0]
    fits = next(i for i, size in enumerate(sizes) if size < sizes[0])
    assert pack.fitting_size(words, sizes[fits]) == pack.SIZES[fits]
    with pytest.raises(ValueError, match='4 words do not fit'):
        pack.fitting_size(words, 10)


def test_the_first_words_alone_and_none(data, monkeypatch, capsys):
    assert run(data, '--limit', '5', '--words', '1') == 0
    assert '6 words' in capsys.readouterr().out
    monkeypatch.setenv('SIGA_DATA', str(data / 'nowhere'))
    with pytest.raises(SystemExit):
        run(data)
    assert 'no words to train on' in capsys.readouterr().err

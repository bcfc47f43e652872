import cv2
import numpy as np
import pytest

from mmocr_siga import cli
from mmocr_siga.apis import ContextPool, WordInferencer
from mmocr_siga.inference.packaged import DEFAULT_MODEL, packaged_models
from tests.helpers.readers import word_picture


@pytest.fixture
def words(tmp_path):
    """A folder of four pictures of one word."""
    folder = tmp_path / 'my_words'
    folder.mkdir()
    for i in range(4):
        picture = np.roll(word_picture(), (0, 1, 1, 3)[i], 1)
        cv2.imwrite(str(folder / f'{i}.png'), picture - np.uint8(3 * (i == 2)))
    (folder / 'labels.tsv').write_text(
        '0.png\tXYZ\n1.png\tXYZ\n3.png\tXYZ\n2.png\té\nno.png\tq\n', encoding='utf-8')
    return folder


@pytest.mark.skipif(DEFAULT_MODEL not in packaged_models(), reason='no packaged weights')
def test_a_pool_from_first_to_last(words, tmp_path, capsys):
    pool, model = str(tmp_path / 'pool.npz'), ['--device', 'cpu']
    assert cli.main(['context', 'add', pool, str(words), *model]) == 1
    out, err = capsys.readouterr()
    assert out == f'{pool}: 3 words added, 3 in all\n'
    assert "2.png: its label has 'é', which the dictionary lacks" in err and 'no.png' in err
    made = ContextPool.load(pool)
    assert made.texts == ['XYZ', 'XYZ', 'XYZ'] and (made.encoded.counts > 3).all()
    assert cli.main(['context', 'add', pool, str(words), *model]) == 1
    assert '0 words added, 3 in all' in capsys.readouterr().out
    for context in (pool, str(words)):
        assert cli.main(['read', str(words / '2.png'), '--context', context, *model]) == 0
        assert capsys.readouterr().out.split('\t')[1] == 'XYZ'
    assert cli.main(['context', 'check', pool, *model]) == 0
    without, with_ = capsys.readouterr().out.splitlines()
    assert without == '0 of 3 words right without context'
    read = WordInferencer(context=made)
    right = sum(result.text == 'XYZ' for result in read(list(made.images)))
    assert with_ == f'{right} of 3 words right with the others as context'
    assert cli.main(['context', 'remove', pool, '1']) == 0
    assert cli.main(['context', 'list', pool]) == 0
    assert capsys.readouterr().out == 'removed XYZ\n0\tXYZ\n1\tXYZ\n'


@pytest.mark.parametrize('arguments, message', [
    ('context list gone.npz', 'gone.npz'), ('context list text.npz', 'no pool of context words'),
    ('context check empty.npz', 'holds no words'), ('context remove empty.npz 0', 'no word 0'),
    ('context add pool.txt my_words', 'ends with .npz'),
    ('context add pool.npz my_words --backend onnx', 'needs PyTorch'),
    ('read a.png --context x --backend onnx', '--context needs PyTorch')])
def test_what_cannot_be_done_is_told(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'text.npz').write_text('text')
    ContextPool().save('empty.npz')
    assert cli.main(arguments.split()) == 2
    assert message in capsys.readouterr().err

"""tools/demo.py: its parts, without the training."""
import json
from types import SimpleNamespace

import numpy as np
import pytest

from mmocr_siga.inference.packaged import DEFAULT_MODEL
from mmocr_siga.rendering.drawn_faces import SEGMENT_FACES
from mmocr_siga.structures.results import SceneResult, SpottedWord
from tools import demo


def rows(path):
    return [line.split('\t') for line in path.read_text(encoding='utf-8').splitlines()]


def test_codes_to_test_on_are_unseen(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, 'WORDS', dict(train=30, val=8))
    unseen = demo.make_codes(tmp_path)
    train, val = rows(tmp_path / 'train.tsv'), rows(tmp_path / 'val.tsv')
    assert len(train) == 30 and [w.text for w in unseen] == [t for _, t in val]
    assert len(val) == 8 and {w.font for w in unseen} <= set(SEGMENT_FACES)
    assert not {t for _, t in train} & {t for _, t in val}
    assert all((tmp_path / name).is_file() for name, _ in train + val)


def test_labels_are_distinct():
    labels = demo.draw_labels(500, 3)
    assert len(set(labels)) == 500 and labels == demo.draw_labels(500, 3)
    assert {len(t) for t in labels} == {4, 5, 6, 7}
    assert set(''.join(labels)) == set('0123456789AbCdEF')
    assert labels != demo.draw_labels(500, 4)


def test_a_scene_holds_all_words():
    words = demo.signs()
    assert [word.text for word in words] == list(demo.SIGNS)
    empty, full = demo.scene([]), demo.scene(words)
    assert full.shape == (360, 640, 3)
    changed = (empty != full).any(2)
    for left, top, width, height in demo.PLACES:
        room = changed[top:top + height, left:left + width]
        assert room.mean() > 0.3
        room[:] = False
    assert not changed.any()


def test_scenes_are_read_where_there_is_a_detector(tmp_path, monkeypatch, capsys):
    word = SpottedWord([[5, 5], [40, 5], [40, 20], [5, 20]], 'Exit', 0.9)
    monkeypatch.setattr(demo, 'SceneInferencer', lambda rec: lambda picture: [
        SceneResult(size=(64, 48), words=[word])])
    for models in ([DEFAULT_MODEL], [DEFAULT_MODEL, 'dbnet_words']):
        monkeypatch.setattr(demo, 'packaged_models', lambda models=models: models)
        demo.read_scene(None, np.zeros((48, 64, 3), np.uint8), tmp_path / 'scene.png')
        assert (tmp_path / 'scene.png').is_file() == (len(models) == 2)
    assert 'read as Exit' in capsys.readouterr().out


def test_commands_are_logged_and_shown(tmp_path, monkeypatch, capsys):
    (tmp_path / 'mim.py').write_text(
        'import os, sys\n'
        'print("- Iter(train) [ 10/60]  lr: 1.0e-04  loss: 2.5104  loss_word: 2.5")\n'
        'print(sys.argv[1:], os.environ["SIGA_DATA"])\nsys.exit(sys.argv[1] == "test")\n')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    assert demo.train(tmp_path) == tmp_path / 'finetune' / 'iter_60.pth'
    assert 'step 10 of 60, loss 2.51' in capsys.readouterr().out
    log = (tmp_path / 'finetune' / 'mim_train.log').read_text()
    assert str(demo.CONFIG) in log and log.strip().endswith(str(tmp_path))
    with pytest.raises(RuntimeError, match='status 1; see .*mim_test.log'):
        demo.test(tmp_path, tmp_path / 'x.pth', 'before')


def test_figures_of_the_latest_test(tmp_path):
    with pytest.raises(FileNotFoundError, match='no metrics'):
        demo.read_metrics(tmp_path)
    figures = {'recog/word_acc_ignore_case_symbol': 0.8125, 'recog/1-N.E.D': 0.954}
    (tmp_path / '2020').mkdir()
    (tmp_path / '2020' / '2020.json').write_text(json.dumps(figures) + '\n')
    table = demo.result_table(dict(before=demo.read_metrics(tmp_path), after={
        'recog/word_acc_ignore_case_symbol': 1.0, 'recog/1-N.E.D': 1.0}))
    cells = [[cell.strip() for cell in line.split('|')[1:-1]] for line in table.splitlines()]
    assert cells[1] == ['', 'before', 'after']
    assert [cells[3], cells[4]] == [['word accuracy', '81.2 %', '100.0 %'],
                                    ['1 - NED', '95.4 %', '100.0 %']]


def test_words_are_read_and_drawn(tmp_path, capsys):
    word = SimpleNamespace(text='AbC', image=np.zeros((8, 16, 3), np.uint8))

    class Reader:
        draw = staticmethod(lambda image: np.zeros((20, 20, 3), np.uint8))

        def __call__(self, images, progress):
            return [SimpleNamespace(text='8bC', score=0.5) for _ in images]

    demo.read_words(Reader(), [word], tmp_path / 'codes')
    assert (tmp_path / 'codes' / 'AbC.png').is_file()
    assert 'AbC        read as 8bC' in capsys.readouterr().out

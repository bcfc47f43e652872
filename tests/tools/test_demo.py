"""tools/demo.py: its parts, without the training."""
import json
from argparse import Namespace
from types import SimpleNamespace

import pytest

from tools import demo


def rows(path):
    return [line.split('\t') for line in path.read_text(encoding='utf-8').splitlines()]


def test_test_words_are_unseen_and_files_exist(tmp_path, monkeypatch):
    from mmocr_siga.rendering import FontLibrary
    from mmocr_siga.rendering.fonts import bundled_font_dir
    everything = FontLibrary.discover.__func__
    monkeypatch.setattr(FontLibrary, 'discover', classmethod(
        lambda cls, charset, **kw: everything(cls, charset, [bundled_font_dir()], **kw)))
    unseen = demo.make_words(tmp_path, 60, 10, 'easy', 4, 0)
    train, test = rows(tmp_path / 'train.tsv'), rows(tmp_path / 'test.tsv')
    assert len(train) == 60 and [w.text for w in unseen] == [t for _, t in test]
    assert len(test) == 10 and len({w.font for w in unseen}) <= 4
    assert not {t for _, t in train} & {t for _, t in test}
    assert all((tmp_path / name).is_file() for name, _ in train + test)


def test_labels_are_distinct_and_short():
    labels = demo.draw_labels(500, 3)
    assert len(set(labels)) == 500 and labels == demo.draw_labels(500, 3)
    assert {len(t) for t in labels} == set(range(1, demo.MAX_LENGTH + 1))
    assert set(''.join(labels)) == set(demo.CHARSET)
    assert labels != demo.draw_labels(500, 4)


def test_progress(capsys):
    hook, runner = demo.ProgressBar(), SimpleNamespace(iter=39, max_iters=40)
    hook.before_train(runner)
    hook.after_train_iter(runner, 39, outputs=dict(loss=1.0))
    hook.after_train(runner)
    assert 'step 40, loss 1.00' in capsys.readouterr().out


def test_a_failed_test_names_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(demo.subprocess, 'run', lambda *a, **k: Namespace(returncode=3))
    with pytest.raises(RuntimeError, match='status 3; see .*mim_test.log'):
        demo.test(tmp_path / 'c.py', tmp_path / 'c.pth', tmp_path / 'test')


def test_figures_of_the_latest_test(tmp_path):
    with pytest.raises(FileNotFoundError, match='no metrics'):
        demo.read_metrics(tmp_path)
    figures = {'recog/word_acc_ignore_case_symbol': 0.8125, 'recog/1-N.E.D': 0.954}
    (tmp_path / '2020').mkdir()
    (tmp_path / '2020' / '2020.json').write_text(json.dumps(figures) + '\n')
    table = demo.result_table(dict(demo.read_metrics(tmp_path), seconds=7.2), 400)
    assert [r.split('|')[2].strip() for r in table.splitlines()[1:-1]] == [
        '400', '81.2 %', '95.4 %', '7 s']


def test_bad_options_are_refused(capsys, tmp_path):
    for options, message in ((['--words', '0'], '--words: must be'),
                             (['--config', str(tmp_path / 'no.py')], 'does not exist')):
        with pytest.raises(SystemExit):
            demo.parse_args(options)
        assert message in capsys.readouterr().err

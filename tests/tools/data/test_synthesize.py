"""tools/data/synthesize.py, run in this process."""
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from mmocr.datasets import OCRDataset

from mmocr_siga.rendering.fonts import bundled_font_dir
from tests.conftest import REPO
from tests.helpers.ending import ended
from tools.data import synthesize as tool

TOOLS = REPO / 'tools' / 'data'
SANS = str(bundled_font_dir() / 'DejaVuSans.ttf')
COMMON = ['--fonts', SANS, '--charset', 'alnum62', '--seed', '4']


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def database(folder):
    import lmdb
    with lmdb.open(str(folder), readonly=True, lock=False) as env, env.begin() as view:
        return {bytes(key): bytes(value) for key, value in view.cursor()}


def test_split_shares():
    split = tool.parse_split('train=0.9,val=0.05,test=0.05')
    assert split == {'train': 0.9, 'val': 0.05, 'test': 0.05}
    assert tool.split_sizes(101, split) == {'train': 91, 'val': 5, 'test': 5}
    assert tool.split_sizes(1, split) == {'train': 1, 'val': 0, 'test': 0}


@pytest.mark.parametrize('text, message', [
    ('train', 'not NAME=FRACTION'), ('train=x', 'not NAME=FRACTION'), ('a=0.5,a=0.5', 'new plain'),
    ('../a=1', 'new plain'), ('a=0.5,b=0.4', 'add up to 0.9'), ('a=0,b=1', 'fraction in')])
def test_bad_splits(text, message):
    with pytest.raises(ValueError, match=message):
        tool.parse_split(text)


def test_output_is_complete_and_the_same_for_any_number_of_processes(tmp_path, capsys):
    options = [*COMMON, '--count', '70', '--format', 'tsv', '--masks', '--boxes']
    assert tool.main([str(tmp_path / 'a'), *options, '--workers', '1']) == 0
    out = capsys.readouterr().out
    assert 'wrote train 63, val 7 (tsv)' in out and 'images/s with 1 processes' in out
    assert tool.main([str(tmp_path / 'b'), *options, '--workers', '3']) == 0
    first = files(tmp_path / 'a')
    assert first == files(tmp_path / 'b')
    assert len(first) == 2 * 70 + 4 + 1
    rows = [line.split('\t') for line in first['train_char_boxes.tsv'].decode().splitlines()]
    assert len(rows) == 63
    for path, text, boxes in rows[:10]:
        mask = tmp_path / 'a' / path.replace('images', 'masks')
        mask = cv2.imread(str(mask.with_suffix('.png')), cv2.IMREAD_GRAYSCALE)
        image = cv2.imread(str(tmp_path / 'a' / path))
        assert image.shape[:2] == mask.shape and mask.max() == len(text)
        expected = [cv2.boundingRect((mask == k + 1).astype(np.uint8)) for k in range(len(text))]
        assert boxes == ';'.join(','.join(map(str, box)) for box in expected)


def test_output_in_json_and_as_a_database(tmp_path):
    assert tool.main([str(tmp_path / 'j'), *COMMON, '--count', '10', '--boxes', '--workers', '1',
                      '--image', 'png']) == 0
    info, = OCRDataset(ann_file='textrecog_val.json', data_root=str(tmp_path / 'j'), pipeline=[])
    assert cv2.imread(info['img_path']) is not None
    assert len(info['instances'][0]['char_boxes']) == len(info['instances'][0]['text'])
    pytest.importorskip('lmdb')
    lexicon = tmp_path / 'words.txt'
    lexicon.write_text('kiwi\n')
    assert tool.main([str(tmp_path / 'o'), *COMMON, '--count', '10', '--lexicon', str(lexicon),
                      '--random-strings', '0', '--format', 'lmdb', '--workers', '1']) == 0
    found = database(tmp_path / 'o' / 'train')
    labels = {found[b'label-%09d' % i].decode().lower() for i in range(1, 10)}
    assert found[b'num-samples'] == b'9' and labels == {'kiwi'}
    assert len(found) == 2 * 9 + 1


def test_pairs_for_editing(tmp_path, capsys):
    options = ['--fonts', SANS, '--pairs', '40', '--preset', 'licence_plates', '--seed', '2']
    assert tool.main([str(tmp_path / 'a'), *options, '--workers', '1',
                      '--sheet', str(tmp_path / 's.png')]) == 0
    assert 'wrote pairs 40 (pairs)' in capsys.readouterr().out
    assert tool.main([str(tmp_path / 'b'), *options, '--workers', '2']) == 0
    first = files(tmp_path / 'a')
    assert first == files(tmp_path / 'b') and len(first) == 6 * 40 + 3
    assert cv2.imread(str(tmp_path / 's.png')) is not None
    # As MOSTEL reads them: two fields a line, one name in all folders.
    tables = [[line.split() for line in first[f'i_{side}.txt'].decode().splitlines()]
              for side in 'st']
    assert all(len(fields) == 2 for table in tables for fields in table)
    for (name, source), (other, target) in zip(*tables):
        assert name == other and source.casefold() != target.casefold()
        assert first[f'txt/{name[:-4]}.txt'].decode().strip() == target
        old, new, board = (cv2.imread(str(tmp_path / 'a' / folder / name))
                           for folder in ('i_s', 't_f', 't_b'))
        masks = [cv2.imread(str(tmp_path / 'a' / folder / name), cv2.IMREAD_UNCHANGED)
                 for folder in ('mask_s', 'mask_t')]
        assert {picture.shape for picture in (old, new, board)} == {(*masks[0].shape, 3)}
        for picture, mask in zip((old, new), masks):
            assert set(np.unique(mask)) == {0, 255} and mask.shape == masks[0].shape
            assert (picture != board)[mask > 0].mean() > (picture != board)[mask == 0].mean()
    for more in (['--masks'], ['--format', 'tsv'], ['--image', 'png'], ['--boxes']):
        with pytest.raises(SystemExit):
            tool.parse_args([str(tmp_path / 'c'), *options, *more])


@pytest.mark.parametrize('form, error, told', [
    ('tsv', KeyboardInterrupt(), 'the same command goes on'),
    ('json', OSError(28, 'No space left on device'), 'No space left'),
    ('lmdb', KeyboardInterrupt(), 'the same command goes on')])
def test_a_stopped_run_goes_on(tmp_path, capsys, monkeypatch, form, error, told):
    if form == 'lmdb':
        pytest.importorskip('lmdb')
    options = [*COMMON, '--count', '60', '--split', 'a=0.5,b=0.5', '--format', form,
               '--workers', '1', '--masks']
    assert tool.main([str(tmp_path / 'whole'), *options]) == 0
    make, made, stopped = tool.Job.make, [], []

    def some(self, index):
        if index == 41 and not stopped:
            stopped.append(index)
            raise error
        made.append(index)
        return make(self, index)

    monkeypatch.setattr(tool.Job, 'make', some)
    assert ended(tool.main, [str(tmp_path / 'part'), *options]) == (2 if form == 'json' else 130)
    assert told in capsys.readouterr().err
    assert not (tmp_path / 'part').exists()
    other = [*options[:5], '7', *options[6:]]
    assert ended(tool.main, [str(tmp_path / 'part'), *other]) == 2
    assert 'made with other options' in capsys.readouterr().err
    assert tool.main([str(tmp_path / 'part'), *options]) == 0
    assert 'going on after' in capsys.readouterr().out
    # The first split was not made again.
    assert made.count(0) == 1 and made.count(29) == 1 and made[-1] == 59
    if form == 'lmdb':
        for name in 'ab':
            assert database(tmp_path / 'part' / name) == database(tmp_path / 'whole' / name)
    else:
        assert files(tmp_path / 'part') == files(tmp_path / 'whole')
    assert not list(tmp_path.rglob('*.partial'))
    assert tool.main([str(tmp_path / 'part'), *options]) == 0
    assert 'holds this set already' in capsys.readouterr().out
    assert ended(tool.main, [str(tmp_path / 'part'), *other]) == 2
    assert 'finished set' in capsys.readouterr().err
    assert tool.main([str(tmp_path / 'part'), *other, '--overwrite']) == 0


@pytest.mark.skipif(not hasattr(signal, 'SIGKILL'), reason='needs signals')
def test_a_killed_run_goes_on_and_leaves_no_process(tmp_path):
    out = tmp_path / 'o'
    # Drawing a sheet starts OpenCV's threads, which forked workers used to wait for.
    options = [str(out), *COMMON, '--count', '5000', '--format', 'tsv', '--workers', '2',
               '--difficulty', 'easy', '--max-length', '3', '--sheet', str(tmp_path / 'new/s.png')]
    # In a session of its own, so that what it leaves can be found.
    run = subprocess.Popen([sys.executable, str(TOOLS / 'synthesize.py'), *options],
                           env={**os.environ, 'PYTHONPATH': str(REPO)},
                           start_new_session=True, stderr=subprocess.DEVNULL)
    journal = tmp_path / 'o.partial' / 'train.rows.partial'
    begin = time.monotonic()
    while not (journal.exists() and journal.stat().st_size) and time.monotonic() - begin < 120:
        assert run.poll() is None
        time.sleep(0.05)
    run.kill()
    run.wait()
    assert not out.exists() and cv2.imread(str(tmp_path / 'new/s.png')) is not None
    done = tool.words_written(tool.parse_args(options), 'train')
    assert 0 < done < 5000
    begin = time.monotonic()
    while time.monotonic() - begin < 60:
        try:
            os.killpg(run.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.2)
    else:
        pytest.fail('worker processes outlived the tool')


def test_clear_messages(tmp_path, capsys):
    def message(*options, out='x', fonts=SANS):
        assert ended(tool.main, [str(tmp_path / out), '--count', '2', '--fonts', fonts,
                                 '--workers', '1', *options]) == 2
        assert not (tmp_path / 'x').exists()
        return capsys.readouterr().err

    (tmp_path / 'file').write_text('')
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'mine').write_text('')
    assert 'lexicon' in message('--lexicon', str(tmp_path / 'lexicon.txt'))
    assert 'of punctuation have no use' in message('--punctuation', '0', '--preset', 'contextless')
    assert "'字'" in message('--charset', '字')
    assert 'no picture' in message('--backgrounds', str(tmp_path / 'nothing'))
    assert 'nofonts' in message(fonts=str(tmp_path / 'nofonts'))
    assert 'file' in message(out='file')
    assert 'holds a finished set, or other files,' in message('--overwrite', out='full')
    assert (tmp_path / 'full' / 'mine').exists()


def test_a_worker_that_is_killed_is_told(tmp_path, capsys, monkeypatch):
    make = tool.Job.make

    def die(self, index):
        if index == 3:
            os._exit(9)
        return make(self, index)

    monkeypatch.setattr(tool.Job, 'make', die)
    if 'fork' not in tool.multiprocessing.get_all_start_methods():
        pytest.skip('the change does not reach spawned workers')
    command = [str(tmp_path / 'o'), *COMMON, '--count', '12', '--workers', '2']
    assert ended(tool.main, command) == 2
    assert 'worker process was killed' in capsys.readouterr().err

import io
import json
import subprocess
import sys

import cv2
import pytest

from mmocr_siga import cli
from mmocr_siga.apis import WordInferencer
from mmocr_siga.cli.common import one_line
from mmocr_siga.inference.packaged import DEFAULT_MODEL, packaged_models
from tests.conftest import REPO
from tests.helpers.readers import write_pictures


@pytest.fixture
def pictures(tmp_path):
    return write_pictures(tmp_path / 'words', 4)


def test_lines_are_those_of_the_inferencer(files, model, pictures, capsys):
    assert cli.main(['read', str(pictures), *model]) == 0
    out, err = capsys.readouterr()
    want = WordInferencer(*files, device='cpu')(pictures)
    assert out == ''.join(f'{r.path}\t{r.text}\t{r.score:.4f}\n' for r in want)
    assert len(want) == 4 and err == ''


def test_json(files, model, pictures, capsys):
    paths = [str(pictures / '2.png'), str(pictures / 'gone.png'), str(pictures / '0.png')]
    assert cli.main(['read', *paths, '--json', '--nbest', '2', '--batch-size', '1', *model]) == 1
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row['path'] for row in rows] == paths
    want = WordInferencer(*files, device='cpu')([paths[0], paths[2]], nbest=2)
    for row, reading in zip([rows[0], rows[2]], want):
        assert set(row) == {'path', 'text', 'score', 'char_scores', 'char_boxes', 'nbest'}
        assert row['text'] == reading.text == row['nbest'][0][0]
        assert row['score'] == pytest.approx(reading.score, abs=1e-5)
        assert len(row['char_scores']) == len(row['char_boxes']) == len(row['text'])
        for box, own in zip(row['char_boxes'], reading.char_boxes):
            assert box == pytest.approx(own, abs=1e-2)
    assert rows[1]['error'] == 'there is no such file or folder' and rows[1]['text'] == ''
    assert err.splitlines() == [f'mmocr_siga: {paths[1]}: there is no such file or folder',
                                'mmocr_siga: 1 of 3 inputs could not be read']


def test_shards_and_a_file_that_is_gone_on_with(model, pictures, capsys, tmp_path):
    (tmp_path / 'list.txt').write_text(''.join(f'{pictures}/{i}.png\n' for i in (0, 9, 1, 2, 3)))
    out = tmp_path / 'words.jsonl'
    command = ['read', f'@{tmp_path}/list.txt', '--shard', '1/2', '--out', str(out), *model]
    assert cli.main(command) == 0 and capsys.readouterr().out == ''
    whole = out.read_bytes()
    names = [json.loads(line)['path'].rsplit('/')[-1] for line in whole.splitlines()]
    assert names == ['0.png', '1.png', '3.png']
    # Killed in its second line.
    out.write_bytes(whole[:whole.index(b'\n') + 20])
    assert cli.main(command) == 0 and out.read_bytes() == whole
    assert 'going on after 1 inputs' in capsys.readouterr().err
    assert cli.main(command) == 0 and out.read_bytes() == whole
    command[3] = '2/2'
    assert cli.main(command) == 2 and out.read_bytes() == whole
    assert f'{out}, line 1: not the result of {pictures}/9.png' in capsys.readouterr().err
    for wrong in ('0/2', '3/2', '1', 'a/b'):
        command[3] = wrong
        with pytest.raises(SystemExit):
            cli.main(command)


def test_what_cannot_be_read_is_told_and_the_rest_is_read(model, pictures, capsys, tmp_path):
    (pictures / '1.png').write_text('text')
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'list.txt').write_text(f'# words\n\n{pictures}/3.png\n')
    inputs = [str(pictures), str(tmp_path / 'empty'), f'@{tmp_path}/list.txt']
    assert cli.main(['read', *inputs, '--nbest', '2', *model]) == 1
    out, err = capsys.readouterr()
    rows = [line.split('\t') for line in out.splitlines()]
    assert [row[0].rsplit('/')[-1] for row in rows] == ['0.png', '2.png', '3.png', '3.png']
    assert all(len(row) == 5 and float(row[2]) >= float(row[4]) for row in rows)
    assert '1.png: it is no picture' in err and 'empty: the folder holds no pictures' in err
    assert '2 of 6 inputs could not be read' in err and 'Traceback' not in err


def test_paths_stay_on_their_line(model, tmp_path, capsys):
    assert one_line('a\tb\nc\\d\r') == 'a\\tb\\nc\\\\d\\r'
    name = tmp_path / 'tab\tnéw\nline.png'
    write_pictures(tmp_path, 1).joinpath('0.png').rename(name)
    assert cli.main(['read', str(name), *model]) == 0
    out = capsys.readouterr().out
    assert out.count('\n') == 1 and out.split('\t')[0].endswith('tab\\tnéw\\nline.png')


def test_show(model, pictures, tmp_path, monkeypatch, capsys):
    target = tmp_path / 'out.jpg'
    assert cli.main(['show', str(pictures / '0.png'), '--out', str(target), *model]) == 0
    assert capsys.readouterr().out == f'{target}\n'
    assert cv2.imread(str(target)).shape[1] > 300
    monkeypatch.chdir(tmp_path)
    assert cli.main(['show', str(pictures / '0.png'), *model]) == 0
    assert (tmp_path / '0_reading.png').is_file()


@pytest.mark.parametrize('verb, arguments, code, message', [
    ('show', 'gone.png', 1, 'gone.png: there is no such file'),
    ('show', 'words', 2, 'draws one picture'),
    ('show', 'words/0.png --out no/where.png', 2, "no folder 'no'"),
    ('show', 'words/0.png --out x.txt', 2, 'use .png'),
    ('read', 'words --model no_such', 2, "'no_such' is neither"),
    ('read', 'words --model no_such.py', 2, "no config at 'no_such.py'"),
    ('read', 'words --device cuda:99', 2, "device 'cuda:99' cannot be used"),
    ('read', 'words --weights gone.pth', 2, "no weights at 'gone.pth'"),
    ('read', 'words --backend onnx', 2, 'packaged models with their own weights'),
    ('read', 'words --nbest 2 --backend onnx', 2, '--nbest needs PyTorch'),
    ('show', 'words/0.png --backend onnx', 2, 'show needs PyTorch')])
def test_what_cannot_be_done_is_told(verb, arguments, code, message, model, pictures, monkeypatch,
                                     capsys):
    monkeypatch.chdir(pictures.parent)
    assert cli.main([verb, *model, *arguments.split()]) == code
    out, err = capsys.readouterr()
    assert message in err and out == '' and 'Traceback' not in err


@pytest.mark.parametrize('arguments', [
    '', 'read', 'red', 'read a --nbest 0', 'read a --batch-size x', 'demo --port 70000',
    'demo --port http', 'spot', 'spot a --gts . --det b', 'spot a --gts . --score 2',
    'spot a --gts . --turn up'])
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments.split())
    assert stop.value.code == 2 and 'usage' in capsys.readouterr().err


def test_unforeseen_errors(monkeypatch, capsys):
    def fail(args, out):
        raise KeyError('why')

    monkeypatch.setattr('mmocr_siga.cli.read.run', fail)
    assert cli.main(['read', 'a.png']) == 2
    assert capsys.readouterr().err.startswith("mmocr_siga: KeyError: 'why'\n(MMOCR_SIGA_DEBUG=1")
    monkeypatch.setenv('MMOCR_SIGA_DEBUG', '1')
    with pytest.raises(KeyError):
        cli.main(['read', 'a.png'])


def test_libraries_print_to_the_standard_error_and_nobody_reads_on(monkeypatch, capsys):
    def chatty(args, out):
        print('noise')
        out.write('result\n')
        return 0

    def fail(args, out):
        raise BrokenPipeError

    monkeypatch.setattr('mmocr_siga.cli.read.run', chatty)
    assert cli.main(['read', 'a.png']) == 0
    assert capsys.readouterr() == ('result\n', 'noise\n')
    monkeypatch.setattr('mmocr_siga.cli.read.run', fail)
    monkeypatch.setattr(sys, 'stdout', io.StringIO())
    assert cli.main(['read', 'a.png']) == 141


def test_help_imports_nothing_slow():
    code = ("import sys, runpy\nsys.argv[1:] = ['--help']\n"
            "try:\n    runpy.run_module('mmocr_siga', run_name='__main__', alter_sys=True)\n"
            'except SystemExit:\n    pass\n'
            "print([m for m in ('torch', 'mmocr', 'cv2', 'numpy') if m in sys.modules])\n")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=REPO,
                          check=True)
    assert 'usage' in done.stdout and done.stdout.splitlines()[-1] == '[]'


@pytest.mark.skipif(DEFAULT_MODEL not in packaged_models(), reason='no packaged weights')
def test_the_packaged_model_is_read_without_frameworks(pictures, capsys):
    code = ("import sys, runpy\n"
            "try:\n    runpy.run_module('mmocr_siga', run_name='__main__', alter_sys=True)\n"
            'except SystemExit as stop:\n    print(stop.code)\n'
            "names = {'torch', 'torchvision', 'mmocr', 'mmengine', 'mmcv', 'mmdet', 'onnx'}\n"
            'print(sorted(names & set(sys.modules)))\n')
    command = ['read', str(pictures), '--json', '--tta', '1']
    done = subprocess.run([sys.executable, '-c', code, *command], capture_output=True, text=True,
                          cwd=REPO)
    *lines, code, frameworks = done.stdout.splitlines()
    assert (code, frameworks, done.stderr) == ('0', '[]', '')
    assert cli.main([*command, '--backend', 'torch', '--device', 'cpu']) == 0
    want = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for one, two in zip(want, map(json.loads, lines)):
        assert (one['path'], one['text']) == (two['path'], two['text'])
        assert one['score'] == pytest.approx(two['score'], abs=1e-3)
        for box, own in zip(one['char_boxes'], two['char_boxes']):
            assert box == pytest.approx(own, abs=1)
    assert len(want) == len(lines) == 4


def test_from_a_shell(model, pictures):
    """One real start: streams, exit code, nothing but results on the standard output."""
    done = subprocess.run(
        [sys.executable, '-m', 'mmocr_siga', 'read', str(pictures), 'gone.png', '--json', *model],
        capture_output=True, text=True, cwd=REPO)
    assert done.returncode == 1, done.stderr
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 5
    assert 'gone.png' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize('error, code, told', [
    (None, 0, ''), (3, 3, ''), (FileNotFoundError(2, 'No such file', 'x.tsv'), 2,
                                "my_tool: [Errno 2] No such file: 'x.tsv'\n"),
    (ValueError('label 3 is wrong'), 2, 'my_tool: label 3 is wrong\n'),
    (KeyError('a'), 2, "my_tool: KeyError: 'a'\n(MMOCR_SIGA_DEBUG=1 shows where)\n"),
    (KeyboardInterrupt(), 130, '')])
def test_tools_end_as_commands_do(monkeypatch, capsys, error, code, told):

    def tool():
        if isinstance(error, BaseException):
            raise error
        return error

    monkeypatch.setattr('sys.argv', ['tools/data/my_tool.py', 'x.tsv'])
    with pytest.raises(SystemExit) as ended:
        cli.run_tool(tool)
    assert ended.value.code == code
    assert capsys.readouterr().err == told

"""tools/data/make_words.py, run in this process."""
import importlib.util
import sys
from pathlib import Path

import pytest

from mmocr_siga.datasets.rendering.fonts import bundled_font_dir

TOOL = Path(__file__).parents[3] / 'tools' / 'data' / 'make_words.py'
SANS = str(bundled_font_dir() / 'DejaVuSans.ttf')


@pytest.fixture(scope='module')
def tool():
    # Registered by name, so that worker processes find its functions.
    spec = importlib.util.spec_from_file_location('make_words', TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules['make_words'] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules['make_words']


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file()}


def test_split_shares(tool):
    split = tool.parse_split('train=0.9,val=0.05,test=0.05')
    assert split == {'train': 0.9, 'val': 0.05, 'test': 0.05}
    assert tool.split_sizes(101, split) == {'train': 91, 'val': 5, 'test': 5}
    assert tool.split_sizes(1, split) == {'train': 1, 'val': 0, 'test': 0}


@pytest.mark.parametrize('text, message', [
    ('train', 'not NAME=FRACTION'), ('train=x', 'not NAME=FRACTION'), ('a=0.5,a=0.5', 'new plain'),
    ('../a=1', 'new plain'), ('a=0.5,b=0.4', 'add up to 0.9'), ('a=0,b=1', 'fraction in')])
def test_bad_splits(tool, text, message):
    with pytest.raises(ValueError, match=message):
        tool.parse_split(text)


def test_output_is_complete_and_repeats(tool, tmp_path, capsys):
    common = ['--count', '20', '--fonts', SANS, '--charset', 'alnum62', '--seed', '4']
    assert tool.main([str(tmp_path / 'a'), *common, '--masks']) == 0
    assert 'wrote train 18, val 2 (tsv)' in capsys.readouterr().out
    assert tool.main([str(tmp_path / 'b'), *common, '--masks', '--workers', '2']) == 0
    first = files(tmp_path / 'a')
    assert len(first) == 42 and first == files(tmp_path / 'b')
    rows = first['train.tsv'].decode().splitlines()
    assert len(rows) == 18 and all(r.split('\t')[0] in first and r.split('\t')[1] for r in rows)


def test_lmdb_output(tool, tmp_path):
    lmdb = pytest.importorskip('lmdb')
    lexicon = tmp_path / 'words.txt'
    lexicon.write_text('kiwi\n')
    assert tool.main([str(tmp_path / 'o'), '--count', '10', '--fonts', SANS, '--charset', 'alnum62',
                      '--lexicon', str(lexicon), '--random-strings', '0', '--lmdb']) == 0
    with lmdb.open(str(tmp_path / 'o' / 'train'), readonly=True, lock=False) as env, \
            env.begin() as view:
        labels = {view.get(b'label-%09d' % i).decode().lower() for i in range(1, 10)}
        assert view.get(b'num-samples') == b'9' and labels == {'kiwi'}


def test_clear_messages(tool, tmp_path, capsys):
    def message(*options):
        assert tool.main([str(tmp_path / 'x'), '--count', '2', '--fonts', SANS, *options]) == 2
        return capsys.readouterr().err

    (tmp_path / 'empty.txt').write_text('\n')
    (tmp_path / 'file').write_text('')
    assert 'no usable word' in message('--lexicon', str(tmp_path / 'empty.txt'))
    assert 'random_strings must be within [0, 1]' in message('--random-strings', '2')
    assert "'字'" in message('--charset', '字')
    assert 'no picture' in message('--backgrounds', str(tmp_path / 'nothing'))
    assert 'nofonts' in message('--fonts', str(tmp_path / 'nofonts'))
    assert tool.main([str(tmp_path / 'file'), '--count', '2', '--fonts', SANS]) == 2
    assert 'file' in capsys.readouterr().err

import json

import pytest
from mmocr.registry import DATASETS

from mmocr_siga.datasets.formats.records import (
    iterate_json_list,
    open_source,
    read_folder,
    read_json,
    read_json_lines,
    read_tsv,
    source_kind,
    words_config,
)
from tests.helpers.word_sets import write_json, write_lmdb, write_tsv


def listed(found):
    return [(r.name, r.text, r.problem) for r in found]


def test_lists_in_json_are_streamed(tmp_path):
    data = {'metainfo': {'a': [1, {'b': ']'}], 'data_list': [9]}, 'n': -12.5e3, 'data_list':
            [{'t': 'x,"]}é\u5b57'}, 12, -1.5, None, [1, [2]], 'end'], 'after': 1}
    path = tmp_path / 'a.json'
    for text in (json.dumps(data), json.dumps(data, indent=2, ensure_ascii=False),
                 '\ufeff' + json.dumps(data)):
        path.write_text(text, encoding='utf-8')
        assert list(iterate_json_list(path, 'data_list')) == data['data_list']
    path.write_text('{"data_list": []}')
    assert list(iterate_json_list(path, 'data_list')) == []
    # Entries come before what is wrong behind them is seen.
    path.write_text('{"data_list": [1, ' + '2, ' * 100_000)
    assert next(iterate_json_list(path, 'data_list')) == 1


@pytest.mark.parametrize('text', ['', '[1]', '{}', '{"a": 1}', '{"data_list": 3}',
                                  '{"data_list": [1, 2', '{"data_list": [1 2]}', '{"data_list',
                                  '{"data_list": [{"a": }]}'])
def test_json_of_another_kind(tmp_path, text):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(ValueError, match='a.json'):
        list(iterate_json_list(path, 'data_list'))
    path.write_bytes(b'{"data_list": ["\xff"]}')
    with pytest.raises(ValueError, match='a.json, line 1: is not UTF-8'):
        list(iterate_json_list(path, 'data_list'))


def test_annotation_files_of_mmocr(tmp_path):
    entries = [dict(img_path='a.png', instances=[dict(text='A', char_boxes=[[1, 2, 3, 4]])]),
               dict(img_path='b.png', instances=[]), dict(instances=[dict(text='c')]), 7,
               dict(img_path='d.png', instances=[dict(text='')]),
               dict(img_path='e.png', instances=[dict(text='x'), dict(text='y')])]
    (tmp_path / 'a.json').write_text(json.dumps(dict(metainfo={}, data_list=entries)))
    (tmp_path / 'a.png').write_bytes(b'data')
    found = list(read_json(tmp_path / 'a.json'))
    assert listed(found) == [
        ('a.png', 'A', ''), ('b.png', None, 'has no label'), ('entry 2', None, 'has no img_path'),
        ('entry 3', None, 'has no img_path'), ('d.png', '', 'has an empty label'),
        ('e.png', None, 'has several labels')]
    assert found[0].boxes == [[1, 2, 3, 4]] and found[0].load() == b'data'


def test_tables(tmp_path):
    (tmp_path / 'a.tsv').write_bytes(
        '\ufeffa.png\tna\u00efve "b" \r\n\n'.encode() + b'b.png\tcaf\xe9\nc.png\nd.png\t\n')
    assert listed(read_tsv(tmp_path / 'a.tsv')) == [
        ('a.png', 'na\u00efve "b" ', ''),
        ('line 3 (b.png)', None, 'is not UTF-8; save the file as UTF-8'),
        ('line 4', None, 'has no tab between a path and a label'),
        ('d.png', '', 'has an empty label')]


def test_json_lines(tmp_path):
    (tmp_path / 'a.jsonl').write_bytes(
        b'{"filename": "a.png", "text": "A"}\n\n{"text": "b"}\nno\n{"filename": "c", "text": 3}\n'
        b'[]\n\xff\n')
    broken = 'is not {"filename": ..., "text": ...}'
    assert listed(read_json_lines(tmp_path / 'a.jsonl')) == [
        ('a.png', 'A', ''), ('line 3', None, broken), ('line 4', None, broken),
        ('c', '3', ''), ('line 6', None, broken),
        ('line 7', None, 'is not UTF-8; save the file as UTF-8')]


def test_folders(tmp_path):
    for name in ('two/b_12.jpg', 'a.PNG', 'two/1_Word_77.jpg', 'two/read.me'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'x')
    (tmp_path / 'a.txt').write_bytes('Ä b\r\n'.encode())
    (tmp_path / 'two' / 'b_12.txt').write_bytes(b'\xff')
    left_out = ('two/read.me', None, 'is not named like a picture (.me)')
    assert listed(read_folder(tmp_path)) == [
        ('a.PNG', 'Ä b', ''), ('two/1_Word_77.jpg', None, 'has no text file beside it'),
        ('two/b_12.jpg', None, 'has a label that is not UTF-8; save the file as UTF-8'), left_out]
    for labels, expected in (('parent', [tmp_path.name, 'two', 'two']),
                             ('stem', ['a', '1_Word', 'b']), ('mjsynth', [None, 'Word', None])):
        found = {r.name: r for r in read_folder(tmp_path, labels)}
        assert left_out in listed(found.values()) and 'a.txt' in found
        assert [r.text for r in found.values() if 'named like' not in r.problem] == expected
    with pytest.raises(ValueError, match='labels must be one of'):
        list(read_folder(tmp_path, 'name'))
    (tmp_path / 'none').mkdir()
    with pytest.raises(ValueError, match='no image'):
        list(read_folder(tmp_path / 'none'))


def test_kinds_of_sources(tmp_path):
    for name, kind in (('a.json', 'json'), ('a.jsonl', 'jsonl'), ('a.tsv', 'tsv'), ('a.txt', 'tsv'),
                       ('a.mdb', 'lmdb'), ('a.JSON', 'json')):
        (tmp_path / name).write_text('')
        assert source_kind(tmp_path / name) == kind
    assert source_kind(tmp_path) == 'folder'
    (tmp_path / 'data.mdb').write_text('')
    assert source_kind(tmp_path) == 'lmdb' and source_kind(tmp_path, 'folder') == 'folder'
    (tmp_path / 'a.xml').write_text('')
    with pytest.raises(ValueError, match='cannot tell the format'):
        open_source(tmp_path / 'a.xml')
    with pytest.raises(FileNotFoundError, match='gone'):
        open_source(tmp_path / 'gone')


def read_config(path):
    config = words_config(str(path))
    info = DATASETS.build(config).get_data_info(1)
    return config['type'], info['instances'][0]['text'], info['img_path']


def test_configs_of_every_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / 'a.json', ['one', 'two'])
    write_tsv(tmp_path / 'b.tsv', ['one', 'two words'])
    write_lmdb(tmp_path / 'c', ['one', 'two'])
    (tmp_path / 'gt.txt').write_text('\nx.png\tone\ny.png\ttwo words\n')
    (tmp_path / 'd.txt').write_text('x.png one\ny.png two\n')
    (tmp_path / 'e.jsonl').write_text(
        '{"filename": "x.png", "text": "one"}\n{"filename": "y.png", "text": "two"}\n')
    assert read_config('a.json') == ('WordJSONDataset', 'two', './a_images/1.png')
    assert read_config(tmp_path / 'b.tsv') == (
        'WordTSVDataset', 'two words', f'{tmp_path}/b_images/1.png')
    assert read_config('c') == ('WordLMDBDataset', 'two', 'c:image-000000002')
    assert read_config('c/data.mdb') == (
        'WordLMDBDataset', 'two', 'c/data.mdb:image-000000002')
    assert read_config('gt.txt') == ('WordTSVDataset', 'two words', './y.png')
    assert read_config('d.txt') == ('WordTSVDataset', 'two', './y.png')
    assert read_config('e.jsonl') == ('WordJSONDataset', 'two', './y.png')


def test_what_has_no_config_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no words at .*gone.tsv'):
        words_config(str(tmp_path / 'gone.tsv'))
    with pytest.raises(FileNotFoundError, match='holds no LMDB database'):
        words_config(str(tmp_path))
    (tmp_path / 'a.csv').write_text('x,y\n')
    with pytest.raises(ValueError, match=r'a.csv.*expected .*\.tsv'):
        words_config(str(tmp_path / 'a.csv'))


@pytest.mark.parametrize('entry, problem', [
    ('"img_path": "a", "instances": [{"text": "x", "text": "y"}]', "has the key 'text' twice"),
    ('"img_path": "a", "img_path": "b", "instances": [{"text": "x"}]', "the key 'img_path' twice"),
    ('"img_path": "a", "instances": [{"text": "\\ud83d"}]', 'holds one half of a surrogate pair'),
    ('"img_path": "a", "instances": [{"text": "\\udc00"}]', 'holds one half of a surrogate pair'),
    ('"img_path": "a\\u0000", "instances": [{"text": "x"}]', 'has a path that holds NUL'),
    ('"img_path": "a", "instances": [{"text": "x", "char_boxes": [[1], 2]}]', 'has char_boxes'),
    ('"img_path": "a", "instances": ' + '[' * 9000 + ']' * 9000, 'nested too deeply'),
    ('"img_path": 7, "instances": [{"text": "x"}]', 'has no img_path')])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16'])
def test_faulty_entries_cost_no_others(tmp_path, entry, problem, encoding):
    good = '{"img_path": "%s", "instances": [{"text": "\\ud83d\\ude00e\u0301"}]}'
    (tmp_path / 'a.json').write_text(
        f'{{"data_list": [{good % "1"}, {{{entry}}}, {good % "2"}]}}', encoding=encoding)
    first, faulty, last = read_json(tmp_path / 'a.json')
    assert (first.text, last.text) == ('\U0001f600\u00e9', ) * 2 and faulty.text is None
    assert problem in faulty.problem


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-16', 'utf-32'])
@pytest.mark.parametrize('content, problems', [
    ('a\tx\nb\ty\tz\nc\tw\n', ['', 'has 3 columns in place of 2', '']),
    ('a\tx\t1\nb\ty\t2\nc\tw\t3\n', ['', '', '']),
    ('a\tx\rb\ty\r\n\nc\tw', ['', '', '']),
    ('a\tx\nb\0\ty\nc\tw\n', ['', 'holds NUL characters', ''])])
def test_lines_of_tables(tmp_path, content, problems, encoding):
    (tmp_path / 'a.tsv').write_bytes(content.encode(encoding))
    found = list(read_tsv(tmp_path / 'a.tsv'))
    assert [r.text for r in found if not r.problem] == [
        text for text, problem in zip('xyw', problems) if not problem]
    assert all(r.problem.startswith(p) and bool(p) == bool(r.problem)
               for r, p in zip(found, problems)) and len(found) == 3

import json

import numpy as np
import pytest

from mmocr_siga.datasets.formats import records
from mmocr_siga.datasets.formats.records import (
    ContentSum,
    Record,
    SkipList,
    check_content,
    convert,
    image_problem,
    iterate_json_list,
    open_source,
    read_folder,
    read_json,
    read_json_lines,
    read_tsv,
    source_kind,
)
from mmocr_siga.datasets.formats.writers import FolderWriter
from mmocr_siga.images import encode_picture as encode


def picture(seed=0, suffix='.png', shape=(12, 20, 3)):
    return encode(np.random.default_rng(seed).integers(0, 256, shape, np.uint8), suffix)


def listed(found):
    return [(r.name, r.text, r.problem) for r in found]


@pytest.mark.parametrize('block', [1, 2, 7, 1000])
def test_lists_in_json_are_streamed(tmp_path, block):
    data = {'metainfo': {'a': [1, {'b': ']'}]}, 'n': -12.5e3, 'data_list':
            [{'t': 'x,"]}é\u5b57'}, 12, -1.5, None, [1, [2]], 'end'], 'after': 1}
    path = tmp_path / 'a.json'
    for text in (json.dumps(data), json.dumps(data, indent=2, ensure_ascii=False),
                 '\ufeff' + json.dumps(data)):
        path.write_text(text, encoding='utf-8')
        assert list(iterate_json_list(path, 'data_list', block)) == data['data_list']
    path.write_text('{"data_list": []}')
    assert list(iterate_json_list(path, 'data_list', block)) == []


@pytest.mark.parametrize('text', ['', '[1]', '{}', '{"a": 1}', '{"data_list": 3}',
                                  '{"data_list": [1, 2', '{"data_list": [1 2]}', '{"data_list',
                                  '{"data_list": [{"a": }]}'])
def test_json_of_another_kind(tmp_path, text):
    path = tmp_path / 'a.json'
    path.write_text(text)
    with pytest.raises(ValueError, match='a.json'):
        list(iterate_json_list(path, 'data_list'))
    path.write_bytes(b'{"data_list": ["\xff"]}')
    with pytest.raises(ValueError, match='not UTF-8'):
        list(iterate_json_list(path, 'data_list'))


def test_annotation_files_of_mmocr(tmp_path):
    entries = [dict(img_path='a.png', instances=[dict(text='A', char_boxes=[[1, 2, 3, 4]])]),
               dict(img_path='b.png', instances=[]), dict(instances=[dict(text='c')]), 7,
               dict(img_path='d.png', instances=[dict(text='')]),
               dict(img_path='e.png', instances=[dict(text='x'), dict(text='y')])]
    (tmp_path / 'a.json').write_text(json.dumps(dict(metainfo={}, data_list=entries)))
    (tmp_path / 'a.png').write_bytes(b'data')
    found = list(read_json(tmp_path / 'a.json'))
    several = 'has no label, or several'
    assert listed(found) == [
        ('a.png', 'A', ''), ('b.png', None, several), ('entry 2', None, 'has no img_path'),
        ('entry 3', None, 'has no img_path'), ('d.png', '', 'has an empty label'),
        ('e.png', None, several)]
    assert found[0].boxes == [[1, 2, 3, 4]] and found[0].load() == b'data'


def test_tables(tmp_path):
    (tmp_path / 'a.tsv').write_bytes(
        '\ufeffa.png\tna\u00efve "b" \r\n\n'.encode() + b'b.png\tcaf\xe9\nc.png\nd.png\t\n')
    assert listed(read_tsv(tmp_path / 'a.tsv')) == [
        ('a.png', 'na\u00efve "b" ', ''), ('line 3 (b.png)', None, 'is not UTF-8'),
        ('line 4', None, 'has no tab between a path and a label'),
        ('d.png', '', 'has an empty label')]


def test_json_lines(tmp_path):
    (tmp_path / 'a.jsonl').write_bytes(
        b'{"filename": "a.png", "text": "A"}\n\n{"text": "b"}\nno\n{"filename": "c", "text": 3}\n'
        b'[]\n\xff\n')
    broken = 'is not {"filename": ..., "text": ...}'
    assert listed(read_json_lines(tmp_path / 'a.jsonl')) == [
        ('a.png', 'A', ''), ('line 3', None, broken), ('line 4', None, broken),
        ('c', None, 'has no label, or several'), ('line 6', None, broken),
        ('line 7', None, broken)]


def test_folders(tmp_path):
    for name in ('two/b_12.jpg', 'a.PNG', 'two/1_Word_77.jpg', 'two/read.me'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'x')
    (tmp_path / 'a.txt').write_bytes('Ä b\r\n'.encode())
    (tmp_path / 'two' / 'b_12.txt').write_bytes(b'\xff')
    assert listed(read_folder(tmp_path)) == [
        ('a.PNG', 'Ä b', ''), ('two/1_Word_77.jpg', None, 'has no text file beside it'),
        ('two/b_12.jpg', None, 'has a label that is not UTF-8')]
    assert [r.text for r in read_folder(tmp_path, 'parent')] == [tmp_path.name, 'two', 'two']
    assert [r.text for r in read_folder(tmp_path, 'stem')] == ['a', '1_Word', 'b']
    assert [r.text for r in read_folder(tmp_path, 'mjsynth')] == [None, 'Word', None]
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


def test_broken_images():
    for suffix in ('.png', '.jpg', '.webp', '.bmp'):
        whole = picture(1, suffix, (40, 60, 3))
        assert image_problem(whole) == ''
        assert image_problem(whole + bytes(50)) == ''
        cut = image_problem(whole[:len(whole) // 2])
        assert cut == 'is cut off' if suffix in ('.png', '.jpg') else cut
    assert image_problem(picture(0, '.png', (1, 1))) == ''
    assert image_problem(None) == image_problem(b'') == 'has no bytes'
    assert image_problem(b'no image') == 'is not an image'
    # The size in the header of a PNG set to 0.
    nothing = bytearray(picture())
    nothing[16:24] = bytes(8)
    assert image_problem(bytes(nothing)) == 'is not an image'


def test_decoders_without_pixels(monkeypatch):
    monkeypatch.setattr(records.cv2, 'imdecode', lambda *a: np.zeros((0, 3), np.uint8))
    assert image_problem(picture()) == 'has no pixels'


def test_conversion_counts_and_lists(tmp_path):
    def fail(error):
        def load():
            raise error
        return load

    good = picture()
    found = [Record('1', 'a', lambda: good), Record('2', 'b', lambda: b'no image'),
             Record('3', None, bytes, 'has no label'), Record('4', 'd', lambda: b''),
             Record('5', 'e', fail(FileNotFoundError())), Record('6', 'f\tg', lambda: good),
             Record('7', 'h', fail(PermissionError(13, 'Permission denied'))),
             Record('8', 'i', lambda: good, load_mask=fail(FileNotFoundError())),
             Record('9', 'j', lambda: good, boxes=[[1, 2, 3, 4]], load_mask=lambda: b'mask')]
    steps = []
    with FolderWriter(tmp_path / 'o', 'x', '') as writer, SkipList(tmp_path / 'skipped') as skips:
        done = convert(found, writer, skips, report=steps.append)
    assert steps == list(range(1, 10)) and done.sum.count == 2
    rows = [line.split('\t') for line in (tmp_path / 'skipped').read_text().splitlines()]
    assert rows == [
        ['2', 'is not an image'], ['3', 'has no label'], ['4', 'has no bytes'],
        ['5', 'is missing'], ['6', 'has a label with a tab or a line break'],
        ['7', 'cannot be read (Permission denied)'], ['8', 'has a mask that cannot be read']]
    assert done.skipped == {why: 1 for _, why in rows}
    assert (tmp_path / 'o/masks/x_0000002.png').read_bytes() == b'mask'
    check_content(read_tsv(tmp_path / 'o/x.tsv'), done.sum)
    (tmp_path / 'o/images/x_0000001.png').write_bytes(picture(9))
    with pytest.raises(OSError, match='differs when it is read back: 2 words'):
        check_content(read_tsv(tmp_path / 'o/x.tsv'), done.sum)
    (tmp_path / 'o/images/x_0000001.png').unlink()
    with pytest.raises(OSError, match='cannot be read back: images/x_0000001.png is missing'):
        check_content(read_tsv(tmp_path / 'o/x.tsv'), done.sum)


def test_nothing_left_out_leaves_no_list(tmp_path):
    (tmp_path / 'skipped').write_text('of an earlier run')
    with SkipList(tmp_path / 'skipped'):
        pass
    assert not list(tmp_path.iterdir())


def test_checksums_tell_where_a_label_ends():
    sums = []
    for text, image in (('a', b'bc'), ('ab', b'c'), ('b', b'bc')):
        sums.append(ContentSum())
        sums[-1].add(text, image)
    assert len({s.hexdigest() for s in sums}) == 3

import json

import numpy as np
import pytest
from mmocr.datasets import OCRDataset
from PIL import Image

from mmocr_siga.datasets.formats.scene_annotations import (
    instance_of,
    parse_scene_file,
    picture_size,
    read_scenes,
    split_scenes,
    write_scenes,
)

QUAD = [10., 5., 40., 6., 40., 18., 9., 17.]
LINE = '10,5,40,6,40,18,9,17,'


@pytest.fixture
def parse(tmp_path):

    def of(content, form='auto'):
        path = tmp_path / 'gt.txt'
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(parse_scene_file(path, form))

    return of


BOX = [38., 43., 920., 43., 920., 215., 38., 215.]
POINTS = [0., 0., 5., 1., 9., 0., 9., 4., 5., 5., 0., 4.]
POINTS_LINE = ','.join(f'{value:g}' for value in POINTS)


@pytest.mark.parametrize('line, form, polygon, text', [
    *((LINE + text, 'auto', QUAD, text) for text in (
        'Word', '###', '', 'a,b,,c', ' with blanks ', '12', '1,2,3,4', '"quoted"', 'caf\u00e9')),
    (LINE + '####', 'icdar2015', QUAD, '####'),
    ('38, 43, 920, 215, "Tired, ness"', 'icdar2013', BOX, 'Tired, ness'),
    ('38 43 920 215 "Tired, ness"', 'icdar2013', BOX, 'Tired, ness'),
    ('38,43,920,215,word', 'icdar2013', BOX, 'word'),
    (POINTS_LINE + ',####a,b', 'auto', POINTS, 'a,b'),
    (POINTS_LINE + ',####', 'auto', POINTS, ''),
    (POINTS_LINE + ',word', 'polygon', POINTS, 'word'),
    (POINTS_LINE + ',2', 'polygon', POINTS, '2'),
    (POINTS_LINE + ',a,b', 'polygon', POINTS, 'a,b'),
    ("x: [[115 503 494 115]], y: [[322, 346, 426, 404]], ornt: [u'm'], "
     "transcriptions: [u'nau\"G'HTY']", 'auto',
     [115., 322., 503., 346., 494., 426., 115., 404.], 'nau"G\'HTY'),
])
def test_lines(parse, line, form, polygon, text):
    assert parse(line + '\n', form) == [(1, polygon, text)]


def test_long_numbers_take_no_longer(parse):
    """In steps that double with each digit this would never end."""
    line = '1234567890,' * 40
    assert parse(line + 'word', 'auto')[0][2].endswith('1234567890,word')
    assert parse(line + 'word', 'polygon') == [(1, [1234567890.] * 40, 'word')]
    assert parse(line[:-1], 'icdar2013')[0][1] == [1234567890.] * 8


def test_byte_order_mark_and_line_ends(parse):
    content = f'\ufeff{LINE}one\r\n\r\n{LINE}two\r\n'.encode()
    assert parse(content) == [(1, QUAD, 'one'), (3, QUAD, 'two')]
    assert parse('\ufeff') == [] and parse('') == []


@pytest.mark.parametrize('line, form, words', [
    ('1,2,3,word', 'icdar2015', 'expected eight numbers'),
    ('word', 'icdar2013', 'expected left, top'),
    ('1,2,3,4,word', 'polygon', 'at least three points'),
    ('1,2,3,4,5,6,7,####word', 'polygon', 'at least three points'),
    ('x: [[1 2 3]], y: [[1 2]], ornt: [], transcriptions: [u"a"]', 'auto', 'do not fit together'),
    ('x: 1', 'auto', 'no line of Total-Text')])
def test_lines_that_cannot_be_read(parse, line, form, words):
    (number, polygon, text), *good = parse(f'{line}\n{LINE}word' if form == 'auto' else line, form)
    assert number == 1 and polygon is None and words in text
    assert good == ([(2, QUAD, 'word')] if form == 'auto' else [])


def test_wrong_files(parse, tmp_path):
    with pytest.raises(ValueError, match='gt.txt, line 1: is not UTF-16'):
        parse(b'\xff\xfe1,2')
    with pytest.raises(ValueError, match='format must be one of.*coco'):
        parse('', 'coco')
    with pytest.raises(FileNotFoundError):
        list(parse_scene_file(tmp_path / 'none.txt'))


class TestInstance:

    def test_a_word(self):
        instance, problem = instance_of(QUAD, 'word', (50, 60))
        assert instance == dict(polygon=QUAD, bbox=[9., 5., 40., 18.], bbox_label=0, ignore=False,
                                text='word') and problem == ''
        assert json.loads(json.dumps(instance)) == instance
        # Anticlockwise is turned.
        instance, _ = instance_of([0, 0, 0, 5, 9, 5, 9, 0], 'word', (50, 60))
        assert instance['polygon'] == [0, 0, 9, 0, 9, 5, 0, 5]
        instance, problem = instance_of([0, 0, 10, 10, 10, 0, 0, 10], 'word', (50, 60))
        assert instance['ignore'] and instance['bbox'] == [0, 0, 10, 10]
        assert 'crosses' in problem
        instance, problem = instance_of(QUAD, '', (50, 60))
        assert instance['ignore'] and problem == 'there is no text'
        assert instance_of(QUAD, '', (50, 60), ignore=True)[1] == ''

    @pytest.mark.parametrize('polygon, words', [
        ([100, 100, 110, 100, 110, 105], 'outside the picture'),
        ([0, 0, 5, 0], 'fewer than 3'),
        ([0, 0, 5, 0, 9, 0], '0 square pixels'),
        ([float('nan')] * 6, 'not finite'),
        ([100, 100, 110, 110, 110, 100, 100, 110], 'crosses'),
    ])
    def test_no_region(self, polygon, words):
        instance, problem = instance_of(polygon, 'word', (50, 60))
        assert instance is None and problem.startswith('the polygon') and words in problem


@pytest.fixture
def folders(tmp_path):
    """Scenes img_1, img_2 and img_10, one picture without annotations, one without a picture."""
    images, gts = tmp_path / 'images', tmp_path / 'gts'
    images.mkdir()
    gts.mkdir()
    for name in ('img_10', 'img_2', 'img_1', 'alone'):
        Image.fromarray(np.zeros((50, 60, 3), np.uint8)).save(images / f'{name}.png')
    (gts / 'gt_img_1.txt').write_text(f'{LINE}word\n{LINE}###\nnonsense\n', encoding='utf-8-sig')
    (gts / 'img_2.txt').write_text('')
    (gts / 'gt_img_10.txt').write_text(f'0,0,9,9,9,0,0,9,cross\n90,0,99,0,99,5,90,5,out\n{LINE}')
    (gts / 'gt_lost.txt').write_text(f'{LINE}word')
    return gts, images


def test_a_folder(folders):
    scenes, report = read_scenes(*folders)
    assert [scene['img_path'] for scene in scenes] == ['img_1.png', 'img_2.png', 'img_10.png']
    assert [(scene['height'], scene['width']) for scene in scenes] == [(50, 60)] * 3
    assert [[(word['text'], word['ignore']) for word in scene['instances']] for scene in scenes] \
        == [[('word', False), ('###', True)], [], [('cross', True), ('', True)]]
    assert (report.scenes, report.words, report.ignored) == (3, 1, 3)
    told = '\n'.join(report.lines(most=9))
    assert told.startswith('3 scenes, 1 words, 3 ignored regions\n  4 left out:')
    for words in ('alone.png: has no annotations', 'gt_img_1.txt:3: expected eight numbers',
                  'gt_img_10.txt:2: the polygon lies outside', 'gt_lost.txt: has no picture',
                  '2 ignored because of a fault', 'gt_img_10.txt:1: the polygon crosses',
                  'gt_img_10.txt:3: there is no text'):
        assert words in told
    assert '... and 3 more' in '\n'.join(report.lines(most=1))
    (folders[1] / 'img_1.png').write_bytes(b'no picture')
    scenes, report = read_scenes(*folders)
    assert [scene['img_path'] for scene in scenes] == ['img_2.png', 'img_10.png']
    assert any('img_1' in str(problem) for problem in report.problems)


def test_other_marks_and_folders_that_are_not_there(folders, tmp_path):
    gts, images = folders
    scenes, _ = read_scenes(*folders, ignored_texts=['word'])
    assert [word['ignore'] for word in scenes[0]['instances']] == [True, False]
    with pytest.raises(FileNotFoundError, match='no folder of annotations'):
        read_scenes(tmp_path / 'none', images)
    with pytest.raises(FileNotFoundError, match='no folder of pictures'):
        read_scenes(gts, tmp_path / 'none')
    with pytest.raises(FileNotFoundError, match='no scene can be read.*gt_NAME.txt'):
        read_scenes(images, images)


def test_turned_pictures(tmp_path):
    image = Image.fromarray(np.zeros((50, 60, 3), np.uint8))
    image.getexif()[0x0112] = 6
    image.save(tmp_path / 'a.jpg', exif=image.getexif())
    assert picture_size(tmp_path / 'a.jpg') == (60, 50)


def test_split():
    scenes = list(range(20))
    train, test = split_scenes(scenes, 5, seed=3)
    assert len(test) == 5 and sorted(train + test) == scenes
    assert train == sorted(train) and test == sorted(test)
    assert split_scenes(scenes, 5, seed=3) == (train, test)
    assert split_scenes(scenes, 5, seed=4) != (train, test)
    assert split_scenes(scenes, 2, seed=None) == (scenes[:18], scenes[18:])
    assert split_scenes(scenes, 0) == (scenes, [])
    for count in (20, -1):
        with pytest.raises(ValueError, match=f'cannot set {count} of 20'):
            split_scenes(scenes, count)


def test_written_json_is_mmocrs(folders, tmp_path):
    scenes, _ = read_scenes(*folders)
    write_scenes(tmp_path / 'scenes.json', scenes)
    dataset = OCRDataset(ann_file='scenes.json', data_root=str(tmp_path),
                         data_prefix=dict(img_path='images'), pipeline=[])
    info = dataset.get_data_info(0)
    assert len(dataset) == 3 and info['img_path'] == str(tmp_path / 'images/img_1.png')
    assert info['instances'] == scenes[0]['instances']
    assert dataset.metainfo['task_name'] == 'textspotting'

import json

import cv2
import numpy as np
from mmocr.registry import DATASETS


def write(folder, scenes):
    for scene in scenes:
        cv2.imwrite(str(folder / scene['img_path']), np.zeros((60, 100, 3), np.uint8))
    content = dict(metainfo=dict(dataset_type='TextSpottingDataset', task_name='textspotting'),
                   data_list=scenes)
    (folder / 'scenes.json').write_text(json.dumps(content))
    return DATASETS.build(dict(type='CheckedSceneDataset', data_root=str(folder),
                               ann_file='scenes.json', pipeline=[]))


def word(text, polygon=(10, 10, 60, 10, 60, 30, 10, 30), **more):
    return dict(polygon=list(polygon), bbox=[10, 10, 60, 30], bbox_label=0, ignore=False,
                text=text, **more)


def test_faulty_words_are_left_out_or_ignored_and_counted(tmp_path):
    boxed = word('boxed')
    del boxed['polygon']
    words = [word('good'), word('###'), word('outside', (200, 1, 250, 1, 250, 9, 200, 9)),
             word('point', (5, 5)), word('bow', (10, 10, 60, 40, 60, 10, 10, 40)), word('')]
    data = write(tmp_path, [dict(img_path='a.png', height=60, width=100, instances=words),
                            dict(img_path='b.png', instances=[word('size from the file')]),
                            dict(img_path='c.png', height=60, width=100,
                                 instances=[boxed, dict(text='nowhere')])])
    assert len(data) == 3
    kept = data.get_data_info(0)['instances']
    assert [(k['text'], k['ignore']) for k in kept] == [
        ('good', False), ('###', True), ('bow', True), ('', True)]
    report = data.report
    assert (report.scenes, report.words, report.ignored) == (3, 3, 3)
    assert len(report.problems) == 5 and 'a.png, word 3' in str(report.problems[0])
    # A box stands for a polygon that is missing.
    kept, = data.get_data_info(2)['instances']
    assert kept['polygon'] == [10, 10, 60, 10, 60, 30, 10, 30]


def test_entries_that_cannot_be_read_cost_no_others(tmp_path):
    size = dict(height=60, width=100)
    data = write(tmp_path, [
        dict(img_path='a.png', instances=[word(2024), word('cafe\u0301'), word(1.5)], **size),
        dict(img_path='b.png', instances=['no word'], **size)])
    content = json.loads((tmp_path / 'scenes.json').read_text())
    content['data_list'] += [dict(img_path='gone.png', instances=[]), dict(instances=[]), 7]
    (tmp_path / 'scenes.json').write_text(json.dumps(content), encoding='utf-16')
    data = DATASETS.build(dict(type='CheckedSceneDataset', data_root=str(tmp_path),
                               ann_file='scenes.json', pipeline=[]))
    assert len(data) == 1 and data.metainfo['task_name'] == 'textspotting'
    assert [(w['text'], w['ignore']) for w in data.get_data_info(0)['instances']] == [
        ('2024', False), ('caf\u00e9', False), ('', True)]
    assert [str(p).partition(':')[0].rpartition('/')[2] for p in data.report.problems] == [
        'a.png, word 3', *(f'scenes.json, entry {i}' for i in (1, 2, 3, 4))]

import json

import pytest
from mmocr.registry import DATASETS

from mmocr_siga.datasets import CheckedTextDataset

DICTIONARY = dict(type='WordDictionary', dict_file='36', with_end=True, with_unknown=True,
                  unknown_token=None)


@pytest.fixture
def written(tmp_path):
    """Two words that are sound and one that is not, in both forms."""
    words = [('1.png', 2024), ('2.png', 1.5), ('3.png', 'cafe\u0301')]
    data = [dict(img_path=name, instances=[dict(text=text)], height=7) for name, text in words]
    (tmp_path / 'a.json').write_text(json.dumps(dict(data_list=data, metainfo=dict(by='me'))))
    (tmp_path / 'a.jsonl').write_text(''.join(
        json.dumps(dict(img=name, label=text)) + '\n' for name, text in words))
    return tmp_path


LINES = dict(ann_file='a.jsonl', keys=['img', 'label'])


def test_what_mmocr_reads(written):
    (written / 'b.json').write_text((written / 'a.json').read_text().replace('1.5', '"x"'))
    config = dict(type='WordJSONDataset', data_root=str(written), ann_file='b.json', pipeline=None)
    ours, theirs = DATASETS.build(config), DATASETS.build(dict(config, type='OCRDataset'))
    assert ours.metainfo == theirs.metainfo == dict(by='me')
    info = dict(theirs.get_data_info(1), instances=[dict(text='x')])
    assert ours.get_data_info(1) == info and info['height'] == 7
    assert [ours.get_data_info(i)['instances'][0]['text'] for i in (0, 2)] == [
        '2024', 'caf\u00e9']


@pytest.mark.parametrize('options', [dict(ann_file='a.json'), LINES])
def test_faulty_words_are_named(written, options):
    with pytest.raises(ValueError, match=r'1 of 3 words(.|\n)*a.jsonl?, 2.png: has a number '
                                         'that is not whole'):
        DATASETS.build(dict(type='WordJSONDataset', data_root=str(written), **options))


@pytest.mark.parametrize('config', [
    dict(type='OCRDataset', ann_file='a.json'), dict(type='WordJSONDataset', **LINES),
    dict(type='mmocr.RecogTextDataset', ann_file='a.jsonl',
         parser_cfg=dict(type='LineJsonParser', keys=['img', 'label']))])
def test_training_counts_faulty_words(written, config):
    config = dict(config, data_root=str(written), pipeline=None)
    for dataset in (config, dict(type='ConcatDataset', datasets=[config]),
                    dict(type='AvailableDatasets', datasets=dict(a=config))):
        checked = CheckedTextDataset(dataset, DICTIONARY)
        assert [checked.get_data_info(i)['instances'][0]['text'] for i in range(2)] == [
            '2024', 'cafe']
        (reason, count), = checked.reports[0].skipped.items()
        assert count == 1 and 'not whole' in reason
        assert 'a.json' in checked.reports[0].examples[reason][0]

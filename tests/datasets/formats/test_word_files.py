import pytest
from mmocr.registry import DATASETS

from mmocr_siga.datasets.formats.word_files import words_config
from tests.helpers.word_sets import write_json, write_lmdb, write_tsv


def read(path):
    config = words_config(str(path))
    dataset = DATASETS.build(config)
    info = dataset.get_data_info(1)
    return config['type'], info['instances'][0]['text'], info['img_path']


def test_every_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / 'a.json', ['one', 'two'])
    write_tsv(tmp_path / 'b.tsv', ['one', 'two words'])
    write_lmdb(tmp_path / 'c', ['one', 'two'])
    (tmp_path / 'gt.txt').write_text('\nx.png\tone\ny.png\ttwo words\n')
    (tmp_path / 'd.txt').write_text('x.png one\ny.png two\n')
    (tmp_path / 'e.jsonl').write_text(
        '{"filename": "x.png", "text": "one"}\n{"filename": "y.png", "text": "two"}\n')
    assert read('a.json') == ('OCRDataset', 'two', './a_images/1.png')
    assert read(tmp_path / 'b.tsv') == ('WordTSVDataset', 'two words',
                                        f'{tmp_path}/b_images/1.png')
    assert read('c') == ('WordLMDBDataset', 'two', 'c:image-000000002')
    assert read('c/data.mdb') == ('WordLMDBDataset', 'two', 'c/data.mdb:image-000000002')
    assert read('gt.txt') == ('WordTSVDataset', 'two words', './y.png')
    assert read('d.txt') == ('RecogTextDataset', 'two', './y.png')
    assert read('e.jsonl') == ('RecogTextDataset', 'two', './y.png')


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='no words at .*gone.tsv'):
        words_config(str(tmp_path / 'gone.tsv'))
    with pytest.raises(FileNotFoundError, match='holds no LMDB database'):
        words_config(str(tmp_path))
    (tmp_path / 'a.csv').write_text('x,y\n')
    with pytest.raises(ValueError, match=r'a.csv.*expected .*\.tsv'):
        words_config(str(tmp_path / 'a.csv'))

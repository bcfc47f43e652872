import pytest
from mmocr.registry import DATASETS

from mmocr_siga.datasets import WordTSVDataset


def table(tmp_path, content, encoding='utf-8'):
    (tmp_path / 'train.tsv').write_bytes(content.encode(encoding))
    return WordTSVDataset(ann_file='train.tsv', data_root=str(tmp_path))


def test_rows(tmp_path):
    dataset = table(
        tmp_path, '\ufeff\nimages/1.png\tTwo words\r\n\n  \nimages/2.png\t"it\'s "\r\n\n')
    assert dataset.get_data_info(0) == dict(
        img_path=str(tmp_path / 'images/1.png'), instances=[dict(text='Two words')], sample_idx=0)
    assert dataset.get_data_info(1)['instances'] == [dict(text='"it\'s "')] and len(dataset) == 2


def test_lines_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ValueError, match=r'1 of 2 words(.|\n)*train.tsv, line 3: has no tab'):
        table(tmp_path, 'a.png\tx\n\nb.png y\n')


@pytest.mark.parametrize('content', ['', '\n\n', '\ufeff'])
def test_an_empty_table_is_refused(content, tmp_path):
    with pytest.raises(ValueError, match='train.tsv lists no words'):
        table(tmp_path, content)
    with pytest.raises(FileNotFoundError, match='gone.tsv'):
        WordTSVDataset(ann_file='gone.tsv', data_root=str(tmp_path))


def test_a_config_with_a_folder_for_images(tmp_path):
    (tmp_path / 'a.tsv').write_text('1.png\tx\n2.png\ty\n')
    config = dict(type='WordTSVDataset', ann_file='a.tsv', data_root=str(tmp_path),
                  data_prefix=dict(img_path='pictures'), indices=1, pipeline=None)
    dataset = DATASETS.build(config)
    assert len(dataset) == 1
    assert dataset[0]['img_path'] == str(tmp_path / 'pictures/1.png')
    # A missing image is an error when testing.
    config.update(test_mode=True, pipeline=[dict(type='mmocr.LoadImageFromFile')])
    with pytest.raises(FileNotFoundError, match='1.png'):
        DATASETS.build(config)[0]

import pytest

from tests.helpers.toy_run import build, toy_config, write_words


@pytest.mark.parametrize('there', [True, False])
def test_a_training_validates_on_what_is_there(tmp_path, there):
    folder = write_words(tmp_path)
    config = toy_config(folder, 'run', val_cfg=dict(type='AvailableValLoop'))
    config.val_dataloader.dataset = dict(type='AvailableDatasets', missing='skip', datasets=dict(
        words=config.val_dataloader.dataset,
        gone=dict(config.val_dataloader.dataset, ann_file='gone.jsonl')))
    if not there:
        config.val_dataloader.dataset.datasets.pop('words')
    runner = build(config)
    runner.train()
    log, = (tmp_path / 'run').rglob('*.log')
    said = log.read_text()
    assert ('Training without validation: no data set is there' in said) is not there
    assert 'gone.jsonl' in said and list((tmp_path / 'run').glob('epoch_1.pth'))
    assert bool(runner.val_loop.run()) is there


def test_testing_needs_a_set(tmp_path):
    config = toy_config(write_words(tmp_path), 'run')
    config.test_dataloader.dataset = dict(type='AvailableDatasets', missing='skip', datasets=dict(
        gone=dict(config.test_dataloader.dataset, ann_file='gone.jsonl')))
    with pytest.raises(FileNotFoundError, match='no data set is there(.|\n)*gone.jsonl'):
        build(config).test()

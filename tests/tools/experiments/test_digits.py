import json

import pytest
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmocr.registry import DATASETS, MODELS

from tools.experiments import digits as tool


@pytest.mark.filterwarnings('ignore')
def test_numbers_are_learned_and_what_is_done_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'EXPERIMENTS', dict(
        tool.EXPERIMENTS, shapes=(dict(difficulty='easy'), 3, 2, 0.5, 2,
                                  {'plain': ('siga_tiny_baseline', {})})))
    command = ['shapes', '--work-dir', str(tmp_path), '--seeds', '3', '--numbers', '6']
    assert tool.main(command) == 0
    assert '| plain | 1 |' in capsys.readouterr().out
    (arm, seed, figures), = json.loads((tmp_path / 'results.json').read_text())
    assert (arm, seed) == ('plain', 3) and {'word_acc', '1-N.E.D', 'length_3+/word_acc'} <= {
        *figures}
    assert (tmp_path / 'plain_3/iter_2.pth').is_file()
    monkeypatch.setattr(tool, 'Runner', None)  # nothing is run again
    assert tool.main(command) == 0


@pytest.mark.parametrize('name', tool.EXPERIMENTS)
def test_every_arm_reads_numbers_by_ctc(name, tmp_path):
    init_default_scope('mmocr')
    args = tool.parse_args([name, '--work-dir', str(tmp_path)])
    for arm in tool.EXPERIMENTS[name][-1]:
        config = tool.experiment(name, arm, 1, args)
        words = config.train_dataloader.dataset
        assert words.charset == '0123456789' and words.seed != config.val_dataloader.dataset.seed
        assert config.model.decoder.type == 'CTCDecoder'
        packed = DATASETS.build(dict(words, length=2))
        data = pseudo_collate([packed[0], packed[1]])
        model = MODELS.build(config.model)
        losses = model(**model.data_preprocessor(data, True), mode='loss')
        assert losses['loss_ctc'].isfinite() and losses['loss_ctc'] > 0

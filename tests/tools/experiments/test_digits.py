import json

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmocr.registry import DATASETS, MODELS

from tools.experiments import digits as tool


@pytest.mark.filterwarnings('ignore')
def test_numbers_are_learned_and_what_is_done_is_kept(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'EXPERIMENTS', dict(
        tool.EXPERIMENTS, shapes=tool.Experiment(dict(difficulty='easy'), 3, 2, 0.5, 2, {
            'plain': ('siga_tiny_baseline', {})}, tested=5)))
    command = ['shapes', '--work-dir', str(tmp_path), '--seeds', '3', '--numbers', '6']
    assert tool.main(command) == 0
    assert '| plain | 1 |' in capsys.readouterr().out
    (arm, seed, figures), = json.loads((tmp_path / 'results.json').read_text())
    assert (arm, seed) == ('plain', 3) and {
        'word_acc', '1-N.E.D', 'length_4+/word_acc'} <= {*figures}
    assert (tmp_path / 'plain_3/iter_2.pth').is_file()
    monkeypatch.setattr(tool.Runner, 'train', None)  # nothing is trained again
    (tmp_path / 'results.json').unlink()
    assert tool.main(command) == 0
    assert json.loads((tmp_path / 'results.json').read_text()) == [[arm, seed, figures]]
    monkeypatch.setattr(tool, 'Runner', None)  # nothing is run again
    assert tool.main(command) == 0


@pytest.mark.parametrize('name', [name for name, of in tool.EXPERIMENTS.items() if of.look])
def test_every_arm_reads_numbers_by_ctc(name, tmp_path):
    init_default_scope('mmocr')
    args = tool.parse_args([name, '--work-dir', str(tmp_path)])
    for arm in tool.EXPERIMENTS[name].arms:
        config = tool.experiment(name, arm, 1, args)
        words = config.train_dataloader.dataset
        assert words.charset == '0123456789' and words.seed != config.val_dataloader.dataset.seed
        assert config.model.decoder.type == 'CTCDecoder'
        packed = DATASETS.build(dict(words, length=2))
        data = pseudo_collate([packed[0], packed[1]])
        model = MODELS.build(config.model)
        losses = model(**model.data_preprocessor(data, True), mode='loss')
        assert losses['loss_ctc'].isfinite() and losses['loss_ctc'] > 0


@pytest.mark.parametrize('arm', tool.EXPERIMENTS['words'].arms)
def test_words_begin_with_the_packaged_trunk(arm, tmp_path):
    init_default_scope('mmocr')
    config = tool.experiment('words', arm, 1, tool.parse_args(
        ['words', '--work-dir', str(tmp_path)]))
    model = MODELS.build(config.model)
    known, own = torch.load(config.load_from, weights_only=True), model.state_dict()
    shared = {name for name in known if name in own and own[name].shape == known[name].shape}
    missing = {name for name in own if name.startswith(('backbone.', 'encoder.'))
               and name not in shared and not name.endswith('num_batches_tracked')}
    assert len(shared) > 80 and ('deformable' == arm) == bool(missing)
    assert all('plugin' in name or 'deformable' in name.lower() for name in missing), missing
    assert set(config.val_dataloader.dataset.datasets) == set(
        config.val_evaluator[-1].dataset_prefixes)

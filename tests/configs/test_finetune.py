"""configs/finetune.py: whatever model the package brings along, it is trained on."""
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MMLogger
from mmocr.registry import DATASETS, HOOKS, MODELS

from mmocr_siga.inference import packaged
from tests.conftest import REPO
from tests.helpers.readers import reader_files, write_pictures
from tools.checkpoints import pack_weights

CONFIG = REPO / 'configs' / 'finetune.py'


@pytest.fixture
def words(tmp_path, monkeypatch):
    folder = write_pictures(tmp_path / 'my_words', 3)
    (folder / 'train.tsv').write_text('0.png\tone\n1.png\ttwo\nbroken\n2.png\tthree\n')
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))


def start(cfg):
    """The model as it is when training begins."""
    model = MODELS.build(cfg.model)
    hook = HOOKS.build(cfg.default_hooks.warm_start)
    hook.before_train(SimpleNamespace(model=model, logger=MMLogger.get_current_instance()))
    return model


def test_the_default_model_learns(words):
    cfg = Config.fromfile(CONFIG)
    model = start(cfg)
    files = packaged.find_packaged(packaged.DEFAULT_MODEL)
    held = torch.load(files.weights, weights_only=True)['state_dict']
    assert set(held) <= set(model.state_dict())
    for name, value in held.items():
        torch.testing.assert_close(model.state_dict()[name], value.float(), check_dtype=False)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    assert len(dataset) == 3
    data = model.data_preprocessor(pseudo_collate([dataset[i] for i in range(3)]), training=True)
    losses = model.train().loss(**data)
    loss = sum(value for name, value in losses.items() if 'loss' in name)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    assert any(p.grad.abs().sum() > 0 for p in model.backbone.parameters())


def test_another_default_model_takes_its_place(words, tmp_path, monkeypatch):
    pack_weights.pack(*reader_files(tmp_path), 'another', tmp_path / 'packed', dtype='float32')
    monkeypatch.setattr(packaged, 'DEFAULT_MODEL', 'another')
    monkeypatch.setattr(packaged, 'WEIGHTS_FOLDER', tmp_path / 'packed')
    cfg = Config.fromfile(CONFIG)
    own = Config.fromfile(tmp_path / 'packed' / 'another.py')
    assert cfg.model == own.model
    assert cfg.test_dataloader.dataset.pipeline == own.test_dataloader.dataset.pipeline
    assert cfg.train_dataloader.dataset.dictionary == own.model.decoder.dictionary
    start(cfg)

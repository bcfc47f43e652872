"""One line switches the characters of the whole config."""

import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_siga.datasets import CheckedTextDataset
from tests.conftest import REPO
from tests.helpers.word_sets import write_tsv
from tests.helpers.words import sample

CONFIGS = REPO / 'configs'
LABEL = "It's-4u"
KEPT = {'36': 'its4u', '62': 'Its4u', '94': "It's-4u"}


def load(monkeypatch, name, characters):
    monkeypatch.setenv('SIGA_DICT', characters)
    return Config.fromfile(CONFIGS / name)


@pytest.mark.parametrize('characters', ['36', '62', '94'])
@pytest.mark.parametrize('name', ['siga_tiny.py', 'siga_r31.py', 'siga_tiny_baseline.py'])
def test_model_losses_and_labels_follow(name, characters, monkeypatch, tmp_path):
    cfg = load(monkeypatch, name, characters)
    with torch.device('meta'):  # no time is spent on weights
        model = MODELS.build(cfg.model)
    size = int(characters)
    assert model.decoder.dictionary.num_classes == size + 1
    assert model.decoder.dictionary.end_idx == size
    heads = {tuple(value.shape)[0] for key, value in model.state_dict().items()
             if key.endswith('classifier.weight') and 'segmentation' not in key}
    assert heads == {size + 1}
    word = sample(LABEL, targets=False)
    model.decoder.module_loss.get_targets([word])
    read = model.decoder.dictionary.idx2str(word.gt_text.indexes.tolist())
    assert read == KEPT[characters]
    words = write_tsv(tmp_path / 'a.tsv', [LABEL])
    dataset = CheckedTextDataset(
        dict(type='WordTSVDataset', data_root=str(tmp_path), ann_file=words.name),
        dictionary=cfg.train_dataloader.dataset.dictionary)
    assert dataset.get_data_info(0)['instances'][0]['text'] == KEPT[characters]
    assert 'letter_case' not in cfg.train_dataloader.dataset


def test_it_is_one_line(monkeypatch, tmp_path):
    """Changing that line in a copy of the configs does it, without the environment."""
    monkeypatch.delenv('SIGA_DICT', raising=False)
    for path in CONFIGS.rglob('*.py'):
        copy = tmp_path / path.relative_to(CONFIGS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text().replace("'{{$SIGA_DICT:36}}'", "'62'"))
    cfg = Config.fromfile(tmp_path / 'siga_tiny_mixed.py')
    found = [cfg.model.decoder.dictionary, cfg.model.glyph_head.dictionary,
             cfg.train_dataloader.dataset.dictionary, cfg.dictionary]
    assert [d.dict_file for d in found] == ['62'] * 4


def test_one_step_of_training_with_more_characters(monkeypatch):
    cfg = load(monkeypatch, 'siga_tiny.py', '94')
    model = MODELS.build(cfg.model).train()
    samples = [sample(text, targets=False) for text in ('Ab9', LABEL)]
    total = sum(model.loss(torch.randn(2, 3, 32, 128), samples).values())
    total.backward()
    assert torch.isfinite(total)
    embedding = next(p for name, p in model.decoder.named_parameters() if 'embedding' in name)
    # The upper-case A was a previous character: its row learns.
    assert embedding.grad[model.decoder.dictionary.char2idx('A')].abs().sum() > 0
    model.eval()
    with torch.no_grad():
        read = model.predict(torch.randn(2, 3, 32, 128), samples)
    assert all(isinstance(word.pred_text.item, str) for word in read)

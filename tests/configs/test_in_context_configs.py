"""The configs of in-context reading build what they promise."""
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils import register_all_modules

from mmocr_siga.models.recognizers import InContextRecognizer
from tests.conftest import REPO
from tests.helpers.words import sample


def config(name):
    return Config.fromfile(REPO / 'configs' / f'{name}.py')


def millions(module):
    return sum(p.numel() for p in module.parameters()) / 1e6


@pytest.mark.parametrize('size', ['tiny', 'vitb'])
def test_rows_follow_single_words(size):
    first, second = (config(f'in_context_{size}{stage}') for stage in ('', '_icl'))
    start = second.default_hooks.warm_start.checkpoint
    assert start == f'work_dirs/in_context_{size}/iter_{first.train_cfg.max_iters}.pth'
    sizes, data = second.model.group_size, second.train_dataloader
    longest = max(sizes) if size == 'tiny' else sizes
    assert data.dataset.get('group_size', 16) == longest and data.batch_size % longest == 0
    assert data.sampler.type == 'GroupSampler' and data.dataset.part == 'train'
    assert second.param_scheduler[0].get('T_max', second.train_cfg.max_iters) == (
        second.train_cfg.max_iters)
    assert 'group_kind' in second.train_pipeline[-1].meta_keys
    assert second.model.decoder == first.model.decoder and 'group_size' not in first.model


def test_the_small_one_learns_from_rows():
    register_all_modules()
    torch.manual_seed(0)
    cfg = config('in_context_tiny_icl')
    model = MODELS.build(cfg.model).train()
    assert millions(model) < 3 and not model.backbone.layer1[0].conv1.weight.requires_grad
    assert not model.backbone.layer1.training and model.backbone.layer3.training
    samples = [sample(text, targets=False) for text in ['ab', 'ba', '', '1b'] * 4]
    for one in samples:
        one.set_metainfo(dict(group_kind='alphabet'))
    losses = model.loss(torch.randn(16, 3, 32, 128), samples)
    assert set(losses) == {'loss_word', 'loss_alone', 'lookup_accuracy'}
    sum(value for name, value in losses.items() if 'loss' in name).backward()
    assert all((p.grad is not None) == p.requires_grad for p in model.parameters())


def test_the_full_size_is_the_papers():
    pytest.importorskip('timm')
    register_all_modules()
    model = config('in_context_vitb').model
    with torch.device('meta'):
        decoder, encoder = MODELS.build(model.decoder), MODELS.build(model.encoder)
    assert millions(encoder.resampler) == pytest.approx(37.8, abs=.05)
    assert millions(decoder.cross) == pytest.approx(75.5, abs=.05)
    assert millions(decoder.layers) == pytest.approx(85.05, abs=.05)  # OPT-125M without its tables
    assert all(layer.smear is None for layer in decoder.layers)
    assert (decoder.context, decoder.sees) == ('causal', 'own')


@pytest.mark.parametrize('changes, message', [
    (dict(group_size=0), 'group_size must be positive, but is 0'),
    (dict(group_size=()), 'group_size must be positive')])
def test_groups_have_words(changes, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(config('in_context_tiny').model, **changes))


def test_of_several_sizes_of_rows_one_is_drawn_each_step():
    model = MODELS.build(dict(config('in_context_tiny').model, group_size=(2, 4)))
    assert isinstance(model, InContextRecognizer)
    given = []
    model.decoder.loss = lambda *args, group_size: given.append(group_size) or {}
    for _ in range(20):
        model.loss(torch.zeros(4, 3, 32, 128), [TextRecogDataSample()] * 4)
    assert set(given) == {2, 4}

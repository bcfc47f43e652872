"""The configs of style and content apart build what they promise."""
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmocr.registry import DATASETS, METRICS, MODELS

from mmocr_siga.rendering.fonts import bundled_font_dir
from tests.conftest import REPO

NAMES = sorted(path.stem for path in (REPO / 'configs').glob('disentangled_*.py'))


def config(name):
    return Config.fromfile(REPO / 'configs' / f'{name}.py')


def drawn(pairs, **changes):
    """A data set that needs no files of ours."""
    return DATASETS.build(dict(dict(
        pairs, lexicon=None, backgrounds=None, part=None, length=2,
        fonts=str(bundled_font_dir() / 'DejaVuSans.ttf')), **changes))


def test_all_are_there():
    assert NAMES == ['disentangled_siga_tiny', 'disentangled_tiny',
                     'disentangled_vits', 'disentangled_vits_64x256']


@pytest.mark.parametrize('name', NAMES)
def test_print_comes_first_and_lasts_as_the_config_says(name):
    cfg = config(name)
    easy, scene = cfg.train_dataloader.dataset.datasets
    assert (easy.preset, scene.preset) == ('style_pairs', 'style_pairs_scene')
    assert cfg.train_dataloader.sampler.shuffle is False
    steps = [data.length // cfg.train_dataloader.batch_size for data in (easy, scene)]
    assert steps == [cfg.easy_iters, cfg.max_iters - cfg.easy_iters]
    assert cfg.param_scheduler[0].total_steps == cfg.train_cfg.max_iters == cfg.max_iters
    assert easy.part == scene.part == 'train'
    METRICS.build(cfg.val_evaluator)


@pytest.mark.parametrize('name', [
    'disentangled_siga_tiny', 'disentangled_tiny', 'disentangled_vits_64x256'])
def test_the_data_fit_the_model(name):
    if 'vits' in name:
        pytest.importorskip('timm')
    cfg = config(name)
    height, width = cfg.model.backbone.get('img_size', (32, 128))
    model = MODELS.build(cfg.model)
    easy, scene = cfg.train_dataloader.dataset.datasets
    data = model.data_preprocessor(pseudo_collate([drawn(easy)[0]]), True)
    assert data['inputs'].shape == (3, 3, height, width)
    if 'tiny' in name:
        assert sum(p.numel() for p in model.parameters()) < 2_000_000
        with torch.autocast('cpu', torch.bfloat16):
            losses = model.loss(**data)
        assert all(value.isfinite() for value in losses.values())
    with torch.no_grad():
        edited = model.eval().edit(data['inputs'][:1], ['word'])
    assert edited.image.shape == (1, 3, height, width)


def test_vit_small_shows_tokens_after_blocks_three_six_and_nine():
    pytest.importorskip('timm')
    torch.manual_seed(0)
    backbone = MODELS.build(config('disentangled_vits').model.backbone).eval()
    vit, picture = backbone.vit, torch.rand(1, 3, 32, 128)
    assert (len(vit.blocks), vit.embed_dim, vit.blocks[0].attn.num_heads) == (12, 384, 6)
    with torch.no_grad():
        maps = backbone(picture)
        tokens, wanted = vit.patch_embed(picture) + vit.pos_embed, []
        for number, block in enumerate(vit.blocks, 1):
            tokens = block(tokens)
            if number in (3, 6, 9):
                wanted.append(backbone.norms[len(wanted)](tokens))
        wanted.append(vit.norm(tokens))
    assert len(maps) == len(wanted) == 4
    for found, each in zip(maps, wanted):
        assert found.shape == (1, 384, 8, 32)
        torch.testing.assert_close(found.flatten(2).transpose(1, 2), each)


@pytest.mark.parametrize('change', [
    dict(encoder=dict(style_share=0.25)), dict(encoder=dict(style_share=0.75)),
    dict(encoder=dict(split='tokens')), dict(image_head=None),
    dict(encoder=dict(trunk_gradient='style')), dict(image_head=dict(loss_align=None)),
    dict(image_head=dict(loss_image=None))])
def test_ablations_are_one_option_each(change):
    cfg = config('disentangled_tiny')
    cfg.merge_from_dict(dict(model=change))
    model = MODELS.build(cfg.model)
    with torch.no_grad():
        assert model.decoder.forward_test(None, model.encoder(model.extract_feat(
            torch.zeros(1, 3, 32, 128)))).shape == (1, 26, model.decoder.num_classes)

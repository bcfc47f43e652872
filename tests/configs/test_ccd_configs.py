"""Pre-training by characters: its configs, and the recognizers that start from it."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmocr.registry import HOOKS, MODELS

from mmocr_siga.models.utils.weights import WeightsMismatchError, load_weights
from tests.conftest import REPO
from tests.helpers.readers import word_picture

CONFIGS = REPO / 'configs' / 'ccd'


def config(name):
    if 'vit' in name:
        pytest.importorskip('timm')
    return Config.fromfile(CONFIGS / f'{name}.py')


def built(cfg, seed=0):
    torch.manual_seed(seed)
    return MODELS.build(cfg.model)


@pytest.mark.parametrize('name, backbone, batch', [
    ('ccd_vit_tiny', 5.4, 256), ('ccd_vit_small', 21.4, 256), ('ccd_vit_base', 38.0, 192),
    ('ccd_siga_tiny', .0727, 64), ('ccd_lcnet_v4', 2.68, 64)])
def test_sizes_and_schedules(name, backbone, batch):
    cfg = config(name)
    model = built(cfg)
    count = sum(p.numel() for p in model.teacher.backbone.parameters()) / 1e6
    assert count == pytest.approx(backbone, rel=.01)
    steps = cfg.train_cfg.max_iters
    assert steps == (98_000_000 // batch if 'vit' in name else 3000)
    warm, cosine, decay = cfg.param_scheduler
    assert warm.end == cosine.begin == steps // 10 and cosine.T_max == steps - cosine.begin
    assert cosine.end == decay.end == decay.T_max == steps and cosine.eta_min == 1e-6
    teacher, switches, _ = [HOOKS.build(hook) for hook in cfg.custom_hooks]
    assert teacher.momentum == (.9995 if 'vit' in name else .996) and teacher.end == 1
    assert switches.schedule == {
        'own_masks': [(31 * steps // 100, True)],
        'student.head.frozen': [(0, True), (steps // 100, False)]}
    if 'vit' in name:
        assert cfg.optim_wrapper.optimizer.lr == pytest.approx(5e-4 * batch / 256)
        assert cfg.auto_scale_lr.base_batch_size == batch
        assert model.student.head.directions.shape == (65536, 256)
        assert model.student.head.gain.requires_grad == ('base' not in name)
    for wanted, part in ((True, model.student), (False, model.teacher)):
        assert any(p.requires_grad for p in part.parameters()) == wanted


def test_what_has_one_dimension_does_not_decay():
    cfg = config('ccd_siga_tiny')
    model = built(cfg)
    wrapper = build_optim_wrapper(model, cfg.optim_wrapper)
    decays = {id(group['params'][0]): group['weight_decay']
              for group in wrapper.optimizer.param_groups}
    for name, p in model.named_parameters():
        if p.requires_grad:
            assert decays[id(p)] == (0 if p.dim() == 1 else .04), name
    # Each tensor's gradient by itself.
    for p, value in ((model.student.head.gain, 5.), (model.student.head.mlp[0].bias, .01)):
        p.grad = torch.full_like(p, value)
    wrapper._clip_grad()
    assert model.student.head.gain.grad.norm() == pytest.approx(3, rel=1e-4)
    assert (model.student.head.mlp[0].bias.grad == .01).all()


@pytest.mark.parametrize('name', ['ccd_siga_tiny', 'ccd_lcnet_v4'])
def test_a_step_of_its_own_pipeline(name):
    cfg = config(name)
    model, pipeline = built(cfg).train(), Compose(cfg.train_pipeline)
    np.random.seed(0)
    words = [pipeline(dict(img=word_picture(text), instances=[])) for text in ('Glyph', '12')]
    losses = model(**model.data_preprocessor(pseudo_collate(words), True), mode='loss')
    losses['loss_distillation'].add(losses['loss_mask']).backward()
    assert losses['regions'] > 0 and losses['loss_distillation'].isfinite()
    assert all(p.grad is not None for p in model.segmentation.parameters())
    assert next(model.student.backbone.parameters()).grad.any()


PAIRS = [('siga_tiny_from_ccd', 'ccd_siga_tiny'), ('siga_tiny_baseline_from_ccd', 'ccd_siga_tiny'),
         ('lcnet_v4_ctc_from_ccd', 'ccd_lcnet_v4'), ('nrtr_vit_small_from_ccd', 'ccd_vit_small')]


@pytest.mark.parametrize('reader, source', PAIRS)
def test_a_reader_starts_from_the_teacher_and_is_otherwise_its_seeds(reader, source, tmp_path):
    cfg, pre = config(reader), config(source)
    pre.model.head.update(out_channels=16, hidden_channels=8)
    if 'vit' in source:  # as much of it in less time
        for each in (cfg, pre):
            each.model.backbone.update(embed_dim=24, num_heads=2, depth=6)
        for part in (cfg.model.encoder, pre.model.segmentation, pre.model.head):
            part.in_channels = 24
    distiller = built(pre)
    with torch.no_grad():
        for value in distiller.teacher.state_dict().values():
            value.copy_(torch.randn(value.shape) if value.is_floating_point() else value + 7)
    path = tmp_path / 'ccd.pth'
    torch.save(dict(state_dict=distiller.state_dict()), path)
    model, seeds = built(cfg, 3), built(cfg, 3)
    hook = cfg.default_hooks.warm_start
    taken = load_weights(model, path, training_only=(), parts=dict(hook.parts))
    teacher, start, names = distiller.state_dict(), seeds.state_dict(), []
    for name, value in model.state_dict().items():
        given = [theirs + name[len(own):] for own, theirs in hook.parts.items()
                 if name.startswith(own)]
        assert torch.equal(value, teacher[given[0]] if given else start[name]), name
        names += given
    assert len(names) == taken > 20
    assert set(names) == {name for name in teacher if name.startswith('teacher.backbone.')
                          and ('vit' not in reader or '.vit.' in name)}
    # Of another width.
    narrow = Config(dict(model=cfg.model.to_dict()))
    narrow.model.backbone.update({'SIGAViT': dict(embed_dim=12), 'LCNetV4': dict(stem_channels=(
        8, 16)), 'ResNet': dict(stem_channels=[8])}[narrow.model.backbone.type])
    if 'vit' in source:
        narrow.model.encoder.in_channels = 12
    with pytest.raises(WeightsMismatchError, match='another shape'):
        load_weights(built(narrow), path, training_only=(), parts=dict(hook.parts))


def test_nrtr_has_the_papers_size_and_learns():
    cfg = config('nrtr_vit_small_from_ccd')
    model = built(cfg)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(36.2e6, rel=.01)
    assert model.decoder.max_seq_len == 25 + 2
    memory = model.encoder((torch.zeros(2, 384, 8, 32), ))
    assert memory.shape == (2, 256, 512)

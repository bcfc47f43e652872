"""The configs in configs/ and configs/spotting/ build what they promise."""
import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmocr.registry import HOOKS, METRICS, MODELS, TRANSFORMS

from mmocr_siga.models.spotters.regions import detected_regions
from tests.conftest import REPO
from tests.helpers.spotters import TWO_WORDS, scene
from tests.helpers.words import sample

CONFIGS = REPO / 'configs'
# Those on PP-OCRv6's trunk are different in everything, those of long strings in data and lengths;
# finetune is what the packaged reader is.
NAMES = sorted(path.stem for path in CONFIGS.glob('*.py')
               if not any(part in path.stem for part in (
                   'lcnet', 'long', 'densenet', 'finetune', 'disentangled')))
SPOTTERS = sorted(f'spotting/{path.stem}' for path in CONFIGS.glob('spotting/*.py'))
SMALL = ('siga_tiny', 'siga_p_tiny', 'srn_tiny')


def config(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def built(name):
    """A config and its model; pipelines and hooks are built too."""
    cfg = config(name)
    for transform in [*cfg.train_pipeline, *cfg.test_pipeline]:
        assert TRANSFORMS.build(transform) is not None
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)
    return cfg, MODELS.build(cfg.model)


@pytest.mark.parametrize('name', NAMES)
def test_model_pipelines_and_hooks_build(name):
    cfg, model = built(name)
    # The end token is a class.
    assert model.decoder.dictionary.num_classes == (95 if 'release' in name else 37)
    assert model.decoder.max_seq_len == 25
    if name in SMALL:
        assert sum(p.numel() for p in model.parameters()) <= 6_000_000
    order = [t['type'] for t in cfg.train_pipeline]
    wide, grouped = name.endswith('_wide'), name.endswith('_icl')
    assert ('TextMask' in order) == (not wide and not grouped and name != 'srn_r50_fpn')
    places = [order.index(step) for step in (
        'RandomTextGeometry', 'RescaleToHeight' if wide else 'Resize', 'TextMask',
        'RandomTextDeterioration', 'RandomTextColor') if step in order]
    assert places == sorted(places) and ('RandomTextColor' in order) != grouped
    # Drawings are switched off.
    assert cfg.visualizer.type == 'GlyphVisualizer'
    assert cfg.default_hooks.glyphs.enable is False and cfg.default_hooks.timer


@pytest.mark.parametrize('name', ['lcnet_v4_ctc', 'siga_lcnet_v4', 'siga_lcnet_v4_release',
                                  'siga_lcnet_v4_release_2'])
def test_lcnet_keeps_the_ratio_and_starts_from_the_trunk(name):
    cfg, model = built(name)
    assert model.decoder.dictionary.num_classes == 97  # 95, the end and the blank
    ctc = getattr(model.decoder, 'first', model.decoder)
    assert all(part.init_cfg['type'] == 'PretrainedPPOCRv6' for part in (
        model.backbone, getattr(model.encoder, 'sequence', model.encoder), ctc))
    teacher = model.plugins['keep'].teacher
    assert type(teacher.backbone) is type(model.backbone)
    words = torch.zeros(2, 3, 48, 160)
    assert model.decoder.forward_test(None, model.encoder(model.extract_feat(words))).shape == (
        2, 81, 97)
    shares = cfg.train_dataloader.sampler
    assert sum(shares.ratios) == pytest.approx(1)
    assert sum(shares.groups) == len(cfg.train_dataloader.dataset.dataset.datasets)


def test_the_baseline_has_no_glyphs():
    model = MODELS.build(config('siga_tiny_baseline').model)
    assert model.glyph_head is None and model.encoder.pyramid is None
    assert not any('glyph' in name for name, _ in model.named_parameters())


def test_the_main_config_follows_the_reference():
    cfg = config('siga_r31')
    assert cfg.model.backbone.type == 'ResNet31OCR'
    assert cfg.optim_wrapper.optimizer.type == 'Adam'
    assert cfg.optim_wrapper.clip_grad.max_norm == 5
    scheduler = cfg.param_scheduler[0]
    assert (scheduler.eta_max, scheduler.div_factor, scheduler.final_div_factor) == (
        4.5e-4, 20, 1000)
    assert scheduler.total_steps == cfg.train_cfg.max_iters
    assert list(cfg.train_dataloader.dataset.dataset.datasets)[-1] == 'SynthText'
    assert list(cfg.test_dataloader.dataset.datasets) == cfg.test_evaluator.dataset_prefixes
    assert len(cfg.test_evaluator.dataset_prefixes) == 6


@pytest.mark.parametrize('kind, decoder, size', [
    ('siga_p', 'SIGAParallelDecoder', 'r31'),
    *((kind, decoder, size) for size in ('tiny', 'tiny_easy', 'tiny_mixed')
      for kind, decoder in (('siga_p', 'SIGAParallelDecoder'), ('srn', 'SRNDecoder')))])
def test_the_others_differ_from_siga_in_the_model_alone(kind, decoder, size):
    siga, other = config(f'siga_{size}').to_dict(), config(f'{kind}_{size}').to_dict()
    ours, theirs = siga.pop('model'), other.pop('model')
    for cfg in (siga, other):
        cfg['default_hooks'].pop('warm_start', None)
    assert other == siga
    assert theirs['decoder']['type'] == decoder
    assert theirs['decoder']['dictionary'] == ours['decoder']['dictionary']
    if kind == 'siga_p':  # the decoder is all that differs
        assert dict(theirs, decoder=0) == dict(ours, decoder=0)
    else:
        assert 'glyph_head' not in theirs


def test_coverage_is_the_baseline_and_a_kernel():
    with_it = config('siga_tiny_baseline_coverage').to_dict()
    assert with_it['model']['decoder'].pop('coverage') == dict(kernel_size=11)
    assert with_it == config('siga_tiny_baseline').to_dict()


@pytest.mark.parametrize('name', [*SMALL, 'siga_tiny_baseline'])
def test_the_second_stage_starts_from_the_first(name):
    cfg = config(f'{name}_mixed')
    last = config(f'{name}_easy').train_cfg.max_iters
    assert cfg.default_hooks.warm_start.type == 'WarmStartHook'
    assert f'work_dirs/{name}_easy/iter_{last}.pth' in cfg.default_hooks.warm_start.values()
    # A file named there would be what --resume goes back to.
    assert cfg.load_from is None


@pytest.mark.parametrize('stage', ['', '_long'])
def test_comer_differs_from_the_baseline_in_the_decoder_and_from_plain_in_coverage(stage):
    comer, plain = (config(f'comer_tiny{kind}{stage}').to_dict() for kind in ('', '_plain'))
    assert plain['model']['decoder'].pop('coverage') == ()
    assert 'coverage' not in comer['model']['decoder']
    both = [comer, plain]
    if stage != '_long':
        both.append(config(f'siga_tiny_baseline{stage}').to_dict())
        both[2]['model'].pop('decoder')
        for cfg in both:
            for name in ('val_evaluator', 'test_evaluator', 'comer_metrics'):
                cfg.pop(name, None)
    for cfg in both:
        cfg['default_hooks'].pop('warm_start', None)
    assert comer == plain
    if stage != '_long':
        assert comer['model'].pop('decoder')['type'] == 'CoverageTransformerDecoder'
        assert comer == both[2]


@pytest.mark.parametrize('name, size, characters', [
    ('comer_tiny_long', (1024, 32), 100), ('comer_densenet', (2048, 64), 200)])
def test_long_strings(name, size, characters, monkeypatch):
    monkeypatch.setenv('SIGA_DATA', '/root')
    cfg, model = built(name)
    assert model.decoder.dictionary.num_classes == 95
    assert model.decoder.max_seq_len == characters
    train = cfg.train_dataloader.dataset
    assert train.max_seq_len == characters and train.dictionary == cfg.model.decoder.dictionary
    assert sources(train) == [f'/root/long_strings/{kind}' for kind in ('codes', 'formulas')]
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        pipeline = {t['type']: t for t in loader.dataset.pipeline}
        assert pipeline['Resize']['scale'] == size and 'RandomTextGeometry' not in pipeline
    for metric in cfg.test_evaluator.metrics:
        METRICS.build(metric)


def test_the_full_size_is_the_papers():
    cfg, model = built('comer_densenet')
    decoder = model.decoder
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(6.39e6, rel=0.01)
    assert [layer.norm_first for layer in decoder.layers] == [False] * 3
    assert decoder.refinement.norm == 'batch' and decoder.refinement.dropout == 0.3
    assert decoder.refinement.conv.weight.shape == (32, 16, 5, 5)
    # A mean over both directions, with the rate and decay of SGD that the sum asks for.
    optimizer = cfg.optim_wrapper.optimizer
    assert (2 * optimizer.lr, optimizer.weight_decay / 2) == (0.08, 1e-4)
    words = [sample(text, targets=False) for text in ('a1', '')]
    losses = model.train().loss(torch.randn(2, 3, 32, 64), words)
    assert losses.keys() == {'loss_word', 'loss_word_reversed'}
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_data_are_below_one_root(monkeypatch):
    monkeypatch.setenv('SIGA_DATA', '/root')
    for name in NAMES:
        places = sources(config(name).train_dataloader.dataset)
        assert places and all(place.startswith('/root/') for place in places), name


def sources(data):
    """Where a data set and all within it lie."""
    if isinstance(data, dict) and ('ann_file' in data or 'lexicon' in data):
        return [data.get('data_root') or data.get('ann_file') or data['lexicon']]
    members = data.values() if isinstance(data, dict) else data
    return [place for member in members if isinstance(member, (dict, list, tuple))
            for place in sources(member)]


@pytest.mark.parametrize('name', SPOTTERS)
def test_spotters_build(name):
    cfg, model = built(name)
    assert type(model).__name__ == 'SIGASpotter'
    assert model.rec_head.decoder.dictionary.num_classes == (97 if 'lcnet' in name else 37)
    assert model.rec_head.glyph_head is not None
    assert ('tiny' not in name) or sum(p.numel() for p in model.parameters()) < 7_000_000
    METRICS.build(cfg.test_evaluator)
    schedule = cfg.param_scheduler[-1]
    assert schedule.end == cfg.train_cfg.max_iters
    assert schedule.T_max == schedule.end - schedule.begin == schedule.end - cfg.warm_up


def test_the_spotter_on_the_trunk_learns_and_reads_alike_once_loaded():
    cfg, model = built('spotting/siga_spotter_lcnetv4')
    starts = [part.init_cfg['part'] for part in (
        model.backbone, model.neck, model.det_head, model.rec_head.backbone,
        model.rec_head.encoder.sequence, model.rec_head.decoder)]
    assert starts == ['detector.backbone', 'detector.neck', 'detector.head', 'recognizer.backbone',
                      'recognizer.encoder', 'recognizer.classifier']
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    torch.manual_seed(0)
    pictures = torch.rand(1, 3, 96, 128)
    for _ in range(3):
        losses = model.loss(pictures, [scene(TWO_WORDS)])
        assert losses['rec_words'] == 2 and all(v.isfinite().all() for v in losses.values())
        optimizer.update_params(model.parse_losses(losses)[0])
    assert all(p.isfinite().all() for p in model.parameters())
    regions = detected_regions([[polygon for polygon, _ in TWO_WORDS]], [(96, 128)])
    other = MODELS.build(cfg.model)
    other.load_state_dict(model.state_dict())
    words = []
    for each in (model.eval(), other.eval()):
        with torch.no_grad():
            shared, picture = each.rectify(pictures, each.extract_feat(pictures), regions)
            assert picture.shape == (2, 3, 48, 160)
            words.append([(word.pred_text.item, list(word.pred_text.score))
                          for word in each.rec_head.predict(shared, picture=picture)])
            each(pictures, [scene(TWO_WORDS)], mode='predict')
    assert words[0] == words[1] and len(words[0]) == 2


def test_tiny_spotters_read_with_the_parts_of_siga_tiny_and_overfit_what_they_train_on():
    head = config('spotting/siga_spotter_tiny').model.rec_head
    for part in ('backbone', 'encoder', 'decoder', 'glyph_head'):
        assert head[part] == config('siga_tiny').model[part]
    cfg = config('spotting/siga_spotter_tiny_overfit')
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    for key in ('type', 'data_root', 'ann_file', 'part', 'test_count', 'split_seed', 'indices'):
        assert train[key] == test[key]
    assert len(train.indices) == 4 and train.part == 'train'


def test_srn_follows_the_paper():
    cfg = config('srn_r50_fpn')
    assert cfg.optim_wrapper == dict(type='OptimWrapper',
                                     constructor='DeferredOptimWrapperConstructor',
                                     optimizer=dict(type='Adam', lr=1e-4),
                                     clip_grad=dict(max_norm=10))
    assert cfg.train_dataloader.batch_size == 64
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        types = {t['type']: t for t in loader.dataset.pipeline}
        assert types['Resize']['scale'] == (256, 64) and 'TextMask' not in types
    model = MODELS.build(cfg.model).eval()
    loss, gsrm = model.decoder.module_loss, model.decoder.gsrm
    assert loss.weights == dict(word_visual=1.0, word_semantic=0.15, word=2.0)
    assert loss.ask_after_end and gsrm.end_idx is None
    assert [len(t.layers) for t in (model.decoder.pvam.encoder, gsrm.left, gsrm.right)] == [2, 4, 4]
    with torch.no_grad():
        assert model.encoder(model.extract_feat(torch.zeros(1, 3, 64, 256))).shape == (
            1, 512, 8, 32)


def test_the_detector_is_ppocrs_and_tests_on_scenes_that_it_never_trains_on():
    cfg, model = built('textdet/dbnet_lcnetv4')
    assert type(model).__name__ == 'MultiScaleDBNet'
    assert [part.init_cfg['part'] for part in (model.backbone, model.neck, model.det_head)] == [
        'detector.backbone', 'detector.neck', 'detector.head']
    assert sum(p.numel() for name, p in model.named_parameters() if 'threshold' not in name
               ) == pytest.approx(2.45e6, rel=.01)
    pictures = torch.zeros(1, 3, 64, 96)
    assert model.eval()(pictures, mode='tensor').shape == (1, 64, 96)
    METRICS.build(cfg.test_evaluator)
    train, test = (cfg[name].dataset.datasets for name in ('train_dataloader', 'test_dataloader'))
    for one, other in zip(train, test, strict=True):
        assert (one.part, other.part) == ('train', 'test')
        assert (one.data_root, one.test_count, one.split_seed) == (
            other.data_root, other.test_count, other.split_seed)
    # All of it learns, in bfloat16, too.
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.train().loss(torch.rand(1, 3, 96, 128), [scene(TWO_WORDS)])
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    # The threshold branch begins from nothing, the rest goes on gently.
    rates = cfg.optim_wrapper.paramwise_cfg.custom_keys
    assert rates.backbone.lr_mult < 1 < rates['det_head.threshold'].lr_mult

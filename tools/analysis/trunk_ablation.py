"""What plug-ins do for decoders on a trunk that reads: SAR's, NRTR's and ASTER's on PP-OCRv6's.

    python tools/analysis/trunk_ablation.py --work-dir work_dirs/trunk_ablation

The trunk (LCNetV4 and the LightSVTREncoder, as the package rapidocr brings them) is frozen, and its
maps of the training and validation words are computed once. On top of them a projection to 128
channels, MMOCR's decoder and its plug-ins learn from nothing: all variants of a host from the same
weights, on the same words in the same order, for as many steps; `longer` is the host alone for as
much time as the slowest variant took. With --tune the host alone learns on the frozen trunk, once
for all variants, and these then train trunk and host along for that many steps more. Words are
drawn from the real training sets by the shares of configs/_base_/datasets/real_words_kinds.py,
without augmentation, and tested on all validation words of these sets ($SIGA_DATA,
docs/guides/data.md). Attention is measured as by plugin_ablation.py. Runs that have a result are
not run again.
"""
from __future__ import annotations

import argparse
import copy
import itertools
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from boxed_words import boxed_words
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.logging import MessageHub, MMLogger
from mmengine.model import BaseModule
from mmengine.registry import init_default_scope
from mmocr.registry import DATA_SAMPLERS, DATASETS, MODELS
from plugin_ablation import VARIANTS, cell, write
from torch import Tensor, nn
from torch.nn import functional as F

import mmocr_siga  # noqa: F401  (registers what the configs name)
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.evaluation.attention_correctness import attention_in_boxes
from mmocr_siga.models.plugins import teacher_forced_attention

ROOT = Path(__file__).resolve().parents[2]
KINDS = ROOT / 'configs/_base_/datasets/real_words_kinds.py'
TRUNK = ROOT / 'configs/_base_/models/lcnet_v4_recognizer.py'
CONTEXTLESS = ('plates', 'plates_us', 'plates_id', 'plates_world', 'plates_cn', 'wire_marks')
CHOICES = ('base', 'sec_light', 'sec_noisy_or', 'glyph_light', 'glyph', 'coverage',
           'coverage_light', 'coverage_late', 'longer')
WIDTH, CHANNELS, LENGTH = 160, 128, 16
PLUGINS = dict(
    sec=dict(type='SECLoss'),
    glyph=dict(
        type='GlyphPlugin', backbone_maps=('backbone.fine', 'backbone.coarse'),
        in_channels=(96, 192), scale=(2, 1), image_scales=((2, 2), (2, 2)),
        feature_channels=CHANNELS, channels=32, mask_channels=8, max_seq_len=LENGTH),
    coverage=dict(type='CoverageLoss', weight=1.0),
    coverage_light=dict(type='CoverageLoss', weight=0.1),
    coverage_late=dict(type='CoverageLoss', weight=1.0))


def pipeline(width: int) -> list[dict]:
    """Images 48 pixels high, padded to a width."""
    return [
        dict(type='LoadWordImage'),
        dict(type='EnsureBGR'),
        dict(type='LoadOCRAnnotations', with_text=True),
        dict(type='RescaleToHeight', height=48, min_width=16, max_width=width, width_divisor=8),
        dict(type='PadToWidth', width=width, pad_cfg=dict(type='Pad', pad_val=dict(img=127))),
        dict(type='PackTextRecogInputs', meta_keys=('img_path', 'img_shape', 'valid_ratio')),
    ]


@MODELS.register_module()
class TrunkMap(BaseModule):
    """What a decoder reads of a trunk whose maps are held ready: the last map and, repeated over
    its rows and columns, the sequence in front of the CTC layer, each projected and added.
    ``trunk`` is None for a frozen one.

    Args:
        rows: 3, as the map has; 1 for decoders of a sequence, which read the mean.
    """

    def __init__(self, rows: int = 3) -> None:
        super().__init__()
        self.rows = rows
        self.fine, self.coarse = nn.Identity(), nn.Identity()  # where plug-ins see the maps
        self.last = nn.Conv2d(384, CHANNELS, 1)
        self.sequence = nn.Conv2d(120, CHANNELS, 1)
        self.norm = nn.GroupNorm(1, CHANNELS)
        self.held: Sequence[Tensor] = ()
        self.trunk: nn.Module | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Images, which are not looked at -> map (N, 128, rows, w)."""
        *earlier, last, sequence = self.held
        for seen, held in zip((self.fine, self.coarse), earlier):
            seen(held)
        steps = self.sequence(sequence.transpose(1, 2).unsqueeze(2))
        steps = F.interpolate(steps, size=last.shape[-2:], mode='nearest')
        x = self.norm(self.last(last) + steps)
        return x if self.rows == x.shape[2] else x.mean(2, keepdim=True)


@MODELS.register_module()
class MapColumns(BaseModule):
    """A map (N, C, 1, w) as the sequence (N, w, C) that ASTER's decoder reads."""

    def forward(self, feat: Tensor, data_samples: Sequence | None = None) -> Tensor:
        return feat.squeeze(2).transpose(1, 2)


def dictionary() -> dict:
    return dict(
        type='WordDictionary', dict_file='lower_english_digits.txt', with_start=True, with_end=True,
        same_start_end=True, with_padding=True, with_unknown=True, unknown_token=None)


def host(name: str) -> dict:
    """Config of a bare recognizer on the trunk's maps."""
    common = dict(
        dictionary=dictionary(), max_seq_len=LENGTH + 2,
        postprocessor=dict(type='AttentionPostprocessor'),
        module_loss=dict(type='CEModuleLoss', ignore_first_char=True, reduction='mean',
                         letter_case='lower'))
    encoder, decoder = dict(
        sar=(dict(type='SAREncoder', d_model=CHANNELS, d_enc=CHANNELS),
             dict(type='ParallelSARDecoder', d_model=CHANNELS, d_enc=CHANNELS, d_k=64,
                  pred_concat=True)),
        nrtr=(dict(type='NRTREncoder', n_layers=1, n_head=4, d_k=32, d_v=32, d_model=CHANNELS,
                   d_inner=256),
              dict(type='NRTRDecoder', n_layers=2, d_embedding=CHANNELS, n_head=4, d_k=32, d_v=32,
                   d_model=CHANNELS, d_inner=256)),
        aster=(dict(type='MapColumns'),
               dict(type='ASTERDecoder', in_channels=CHANNELS, emb_dims=CHANNELS,
                    attn_dims=CHANNELS, hidden_size=CHANNELS)))[name]
    return dict(
        type='PluggedRecognizer',
        data_preprocessor=dict(type='WordDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3),
        backbone=dict(type='TrunkMap', rows=1 if name == 'aster' else 3),
        encoder=encoder, decoder=dict(decoder, **common))


def plugins(variant: str, steps: int = 0) -> dict:
    """Those of a variant; `late` ones count from the middle of the steps on."""
    if variant == 'longer':
        return {}
    if variant.startswith('coverage'):
        start = steps // 2 if variant.endswith('late') else 0
        return dict(coverage=dict(PLUGINS[variant], start=start))
    return {name: dict(PLUGINS[name], **changes) for name, changes in VARIANTS[variant].items()}


@dataclass
class Words:
    """Words as the trunk sees them: uint8 images (N, 3, 48, w), its maps in half precision."""

    inputs: Tensor
    maps: tuple[Tensor, ...]
    samples: list

    def batch(self, model: nn.Module, index: Sequence[int] | slice) -> dict:
        """A batch for ``model``, whose backbone then holds its maps."""
        samples = self.samples[index] if isinstance(index, slice) else [
            self.samples[i] for i in index]
        data = model.data_preprocessor(
            dict(inputs=list(self.inputs[index]), data_samples=samples), True)
        # All but the last two are for glyph maps.
        needed = slice(0 if 'glyph' in getattr(model, 'plugins', {}) else -2, None)
        trunk = model.backbone.trunk
        model.backbone.held = ([m[index].float() for m in self.maps[needed]] if trunk is None
                               else trunk_maps(trunk, data)[needed])
        return data


def trunk_maps(trunk: nn.Module, data: dict) -> tuple[Tensor, ...]:
    """The backbone's maps (N, C, h, w) of a batch and the encoder's sequence (N, w, C)."""
    levels = trunk.backbone(data['inputs'], data['data_samples'])
    return (*levels, trunk.encoder(levels))


class Trunk:
    """The frozen trunk."""

    def __init__(self) -> None:
        cfg = Config.fromfile(TRUNK).model
        self.model = MODELS.build(cfg)
        self.model.init_weights()
        self.model.eval()

    @torch.no_grad()
    def words(self, packed: Sequence[dict], note: str, maps_kept: slice = slice(None)) -> Words:
        inputs, maps, samples = [], [], []
        for start in range(0, len(packed), 64):
            part = pseudo_collate(packed[start:start + 64])
            inputs += part['inputs']
            data = self.model.data_preprocessor(part, False)
            samples += data['data_samples']
            maps.append([m.half() for m in trunk_maps(self.model, data)[maps_kept]])
            print(f'\r{note}: {len(samples)} of {len(packed)}', end='', flush=True)
        print()
        return Words(torch.stack(inputs), tuple(map(torch.cat, zip(*maps))), samples)


def training_words(count: int, seed: int) -> list[dict]:
    """Words of the training sets by their shares."""
    cfg = Config.fromfile(KINDS)
    members = DATASETS.build(dict(
        type='CheckedTextDataset', dictionary=dictionary(), letter_case='lower',
        max_seq_len=LENGTH, pipeline=pipeline(WIDTH),
        dataset=dict(type='ConcatDataset', datasets=list(cfg.kinds_train_list),
                     verify_meta=False)))
    sampler = DATA_SAMPLERS.build(
        dict(cfg.kinds_sampler, seed=seed), default_args=dict(dataset=members))
    indices = dict.fromkeys(itertools.islice(iter(sampler), 2 * count))
    return [members[i] for i in list(indices)[:count]]


def validation_words(limit: int | None) -> tuple[list[dict], list[str]]:
    """All validation words and the set of each."""
    sets = Config.fromfile(KINDS).kinds_val['datasets']
    packed, names = [], []
    for name, cfg in sets.items():
        dataset = DATASETS.build(dict(cfg, pipeline=pipeline(WIDTH), indices=limit))
        packed += [dataset[i] for i in range(len(dataset))]
        names += [name] * len(dataset)
    return packed, names


def attention_words(limit: int) -> tuple[list[dict], list[tuple]]:
    """Words with character boxes: all of the validation sets, ``limit`` a set of training."""
    root = Path(Config.fromfile(KINDS).real_words_root).parent
    listed = [('val', *word) for word in boxed_words(root, 'val')]
    listed += [('train', *word) for word in boxed_words(root, 'train', limit)]
    pack = Compose(pipeline(WIDTH))
    packed = [pack(dict(img_path=str(path), instances=[dict(text=text)]))
              for _, path, text, _ in listed]
    return packed, listed


def parameter_groups(model: nn.Module, lr: float) -> list[dict]:
    """The trunk's, at a tenth of the rate, apart from all others."""
    trunk = list(model.backbone.trunk.parameters()) if model.backbone.trunk else []
    own = set(trunk)
    return [dict(params=group, lr=rate) for group, rate in (
        ([p for p in model.parameters() if p not in own], lr), (trunk, lr / 10)) if group]


def train(model: nn.Module, words: Words, steps: int, seed: int, args: argparse.Namespace,
          rate: float = 1.0) -> float:
    """Train all that the model holds, at ``rate`` times the given learning rate; seconds."""
    parameters = list(model.parameters())
    groups = parameter_groups(model, rate * args.lr)
    optimizer = torch.optim.AdamW(groups, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [group['lr'] for group in groups], steps, pct_start=0.15)
    draw = np.random.default_rng(seed)
    model.train()
    if model.backbone.trunk:
        model.backbone.trunk.eval()  # its statistics are of millions of words
    start = time.process_time()
    for step in range(steps):
        MessageHub.get_current_instance().update_info('iter', step)
        index = draw.choice(len(words.samples), args.batch_size, replace=False)
        data = words.batch(model, index)
        losses = model.loss(data['inputs'], data['data_samples'])
        total = sum(value for name, value in losses.items() if 'loss' in name)
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(parameters, 5)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            parts = ', '.join(f'{name} {value.detach():.3f}' for name, value in losses.items())
            print(f'    {step + 1}: {parts}', flush=True)
    return time.process_time() - start


@torch.no_grad()
def right(model: nn.Module, words: Words) -> np.ndarray:
    """Whether each word is read greedily as it is labelled, bool (N, ).

    Greedy reading goes wrong at the first step that does, up to which it has gone along the label:
    so one pass that is told the label finds the same words in a small part of the time.
    """
    model.eval()
    found = []
    for start in range(0, len(words.samples), 128):
        data = words.batch(model, slice(start, start + 128))
        samples = model.decoder.module_loss.get_targets(data['data_samples'])
        feature = model.extract_feat(data['inputs'])
        logits = model.decoder.forward_train(feature, model.encoder(feature, samples), samples)
        target = torch.stack([sample.gt_text.padded_indexes for sample in samples])[:, 1:]
        ends = torch.tensor([len(sample.gt_text.indexes) <= LENGTH for sample in samples])
        same = logits[:, :-1].argmax(2) == target
        same |= target == model.decoder.dictionary.padding_idx
        found.append((same.all(1) & ends).numpy())
    return np.concatenate(found)


def attention(model: nn.Module, words: Words, listed: Sequence[tuple]) -> dict:
    """Share of the attention in the box and how often it drifts, on both splits."""
    known = model.decoder.module_loss.dictionary.dict
    found: dict[str, list] = dict(val=[], train=[])
    for start in range(0, len(listed), 64):
        part = slice(start, start + 64)
        data = words.batch(model, part)
        maps = teacher_forced_attention(model, data['inputs'], data['data_samples']).numpy()
        for seen, sample, (split, _, text, boxes) in zip(maps, data['data_samples'], listed[part]):
            steps = [i for i, c in enumerate(c for c in text.lower() if c in known)
                     if c.isalnum()][:len(boxes)]
            steps = [step for step in steps if step < len(seen)]
            boxes = boxes[:len(steps)] * np.array([sample.get('valid_ratio', 1), 1] * 2)
            if model.backbone.rows == 1:
                boxes = boxes * [1, 0, 1, 0] + [0, 0, 0, 1]
            found[split].append(attention_in_boxes(seen[steps], boxes))
    return {split: dict(zip(('share', 'drift'), (
        float(np.concatenate(column).mean()) for column in zip(*pairs))))
        for split, pairs in found.items() if pairs}


def accuracies(right: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Word accuracy by set, of all words and of the contextless ones."""
    names = np.array(names)
    out = {name: float(right[names == name].mean()) for name in dict.fromkeys(names.tolist())}
    return dict(out, all=float(right.mean()),
                contextless=float(right[np.isin(names, CONTEXTLESS)].mean()))


def on_frozen_trunk(name: str, seed: int, words: Words, args: argparse.Namespace) -> dict:
    """Weights of the host that has learned alone; those of an earlier call, if there was one."""
    file = args.work_dir / name / f'frozen_seed{seed}.pth'
    if not file.is_file():
        torch.manual_seed(seed)
        model = MODELS.build(dict(host(name), plugins={}))
        model.init_weights()
        train(model, words, args.steps, seed, args)
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.save(model.state_dict(), file)
    return torch.load(file, weights_only=True)


def run(name: str, variant: str, seed: int, steps: int, sets: Callable[[], tuple],
        args: argparse.Namespace) -> dict:
    trunk, trained, (tested, names), (boxed, listed) = sets()
    start = on_frozen_trunk(name, seed, trained, args) if args.tune else {}
    torch.manual_seed(seed)
    model = MODELS.build(dict(host(name), plugins=plugins(variant, steps)))
    model.init_weights()
    if args.tune:
        model.load_state_dict(start, strict=False)  # plug-ins have heads of their own
        model.backbone.trunk = copy.deepcopy(trunk)
    torch.manual_seed(seed)
    # Tuned, on other batches than those of the first steps, and at a third of their rate.
    seconds = train(model, trained, steps, seed + 1000 * bool(args.tune), args,
                    rate=1 / 3 if args.tune else 1)
    return dict(host=name, variant=variant, seed=seed, steps=steps, seconds=seconds,
                accuracy=accuracies(right(model, tested), names),
                attention=attention(model, boxed, listed))


def summarize(results: Sequence[dict]) -> str:
    """A table a host; means and standard deviations over the seeds, gains seed by seed."""
    lines = []
    for name in dict.fromkeys(r['host'] for r in results):
        rows = [r for r in results if r['host'] == name]
        base = {r['seed']: r['accuracy'] for r in rows if r['variant'] == 'base'}
        lines += [f'### {name}', '', '| variant | seeds | all | against base | contextless '
                  '| against base | share, val | drift, val | share, train '
                  '| drift, train | steps | s |', '|' + '---|' * 12]
        for variant in dict.fromkeys(r['variant'] for r in rows):
            mine = [r for r in rows if r['variant'] == variant]
            cells = [variant, str(len(mine))]
            for key in ('all', 'contextless'):
                cells += [cell([r['accuracy'][key] for r in mine]),
                          '' if variant == 'base' else
                          cell([r['accuracy'][key] - base[r['seed']][key] for r in mine
                                if r['seed'] in base], '+')]
            cells += [cell([r['attention'][split][key] for r in mine])
                      for split in ('val', 'train') for key in ('share', 'drift')]
            cells += [str(mine[0]['steps']), f'{statistics.fmean(r["seconds"] for r in mine):.0f}']
            lines.append('| ' + ' | '.join(cells) + ' |')
        lines.append('')
    return '\n'.join(lines)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('--hosts', nargs='+', choices=('sar', 'nrtr', 'aster'), default=['sar', 'nrtr', 'aster'])
    add('--variants', nargs='+', choices=CHOICES, default=list(CHOICES), metavar='NAME',
        help=f'of {", ".join(CHOICES)} (default: all)')
    add('--seeds', type=int, nargs='+', default=[0, 1, 2], help='default: 0 1 2')
    add('--steps', type=positive, default=500, help='training steps (default %(default)s)')
    add('--tune', type=int, default=0, metavar='STEPS',
        help='then train the trunk along for that many steps (default: it stays frozen)')
    add('--batch-size', type=positive, default=32, help='default: %(default)s')
    add('--lr', type=float, default=3e-3, help='highest learning rate (default %(default)s)')
    add('--words', type=positive, default=5000, help='training words (default %(default)s)')
    add('--max-words', type=positive, help='test on the first words of each set only')
    add('--threads', type=positive, default=1, help='CPU threads (default %(default)s)')
    add('--work-dir', type=Path, default=Path('work_dirs/trunk_ablation'))
    return parser.parse_args(argv)


def word_sets(args: argparse.Namespace) -> tuple:
    trunk = Trunk()
    tested, names = validation_words(args.max_words)
    boxed, listed = attention_words(args.max_words or 150)
    return (trunk.model, trunk.words(training_words(args.words, 0), 'training words'),
            (trunk.words(tested, 'validation words'), names),
            (trunk.words(boxed, 'words with boxes'), listed))


def begin(threads: int) -> None:
    init_default_scope('mmocr')
    MMLogger.get_instance('mmengine', log_level='WARNING')
    torch.set_num_threads(threads)


def kept(file: Path, note: str, found: Callable[[], dict]) -> dict:
    """The result in a file, found now if it is not there."""
    if not file.is_file():
        print(note, flush=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        write(file, json.dumps(found(), indent=2))
    return json.loads(file.read_text(encoding='utf-8'))


def steps_of(variant: str, earlier: Sequence[dict], steps: int) -> int:
    """As many as all have; of `longer` as many as take the time of the slowest of ``earlier``."""
    if variant != 'longer' or not earlier:
        return steps
    base = min(r['seconds'] for r in earlier if r['variant'] == 'base')
    return round(steps * max(r['seconds'] for r in earlier) / base)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing; a seed is finished before the next."""
    args = parse_args(argv)
    begin(args.threads)
    sets, results = cache(lambda: word_sets(args)), []
    for seed, name, variant in itertools.product(args.seeds, args.hosts, args.variants):
        steps = steps_of(variant, [r for r in results if (r['host'], r['seed']) == (name, seed)],
                         args.tune or args.steps)
        results.append(kept(args.work_dir / name / variant / f'seed{seed}.json',
                            f'{name}, {variant}, seed {seed}, {steps} steps',
                            partial(run, name, variant, seed, steps, sets, args)))
        print(f'  {name}, {variant}, seed {seed}: {100 * results[-1]["accuracy"]["all"]:.1f} %',
              flush=True)
        write(args.work_dir / 'results.md', summarize(results))
    print(summarize(results))
    return 0


if __name__ == '__main__':
    run_tool(main)

"""Does pre-training without labels help? Three experiments that fit a CPU.

    python tools/analysis/ccd_experiments.py e0
    python tools/analysis/ccd_experiments.py e2 --out work_dirs/ccd_e2
    python tools/analysis/ccd_experiments.py e1 --ccd work_dirs/ccd_e2/ccd_*/iter_3000.pth

e0  Are regions characters? Words are rendered, whose glyphs are known exactly: the share of them
    whose k-th region is the k-th character alone (IoU of at least 0.8), by difficulty. No training.
e1  Do frozen features tell characters? The vectors of IIIT5K's characters, pooled over true boxes
    from the map that pre-training pools, and a logistic regression: a backbone with random weights,
    pre-trained ones (--ccd), and that of the packaged recognizer, which is trained with labels.
e2  Does a reader with a tenth of the labels (--every) read better? siga_tiny_baseline, from scratch
    and from backbones pre-trained on all training words and as many rendered ones: with characters
    as regions, with four upright strips, and with characters paired at random, of which the text
    mask alone can be learned. What is done is not done again; what was interrupted goes on.

Words are looked for in $SIGA_DATA. All figures come with the standard error over the seeds.
scikit-learn is needed: the extra `probes`.
"""
from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from boxed_words import boxed_words
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config
from mmocr_siga.datasets.formats.writers import FolderWriter
from mmocr_siga.datasets.transforms import WordViewPair
from mmocr_siga.images import encode_picture
from mmocr_siga.inference.packaged import find_packaged
from mmocr_siga.models.layers import pool_regions
from mmocr_siga.models.losses import CharacterDistillationLoss
from mmocr_siga.models.pseudo_labels.functional import region_weights
from mmocr_siga.models.utils.weights import load_weights
from mmocr_siga.rendering import build_renderer

from mmengine.config import Config  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmengine.runner import Runner  # isort: skip
from mmocr.registry import MODELS, TRANSFORMS  # isort: skip

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'ccd'
SIZE = (128, 32)
DIFFICULTIES = ('easy', 'medium', 'hard')
ARMS = ('scratch', 'ccd', 'strips', 'shuffled')
STRIPS = 4
# Every tenth word of each set from this one on is 760 of 7,601.
FIRST_LABELED = 6
ACCURACY = 'weighted_average/recog/word_acc_ignore_case_symbol'

LABELED = 'siga_tiny_words'  # the packaged recognizer with the backbone of ccd_siga_tiny.py


@TRANSFORMS.register_module()
class StripViewPair(WordViewPair):
    """Upright strips of equal width in the place of characters."""

    def regions(self, mask: np.ndarray) -> np.ndarray:
        columns = np.arange(mask.shape[1]) * STRIPS // mask.shape[1] + 1
        return np.broadcast_to(columns, mask.shape).astype(np.uint8)


@MODELS.register_module()
class ShuffledDistillationLoss(CharacterDistillationLoss):
    """Each character against what the teacher says of any other of the batch."""

    def forward(self, student: torch.Tensor, teacher: torch.Tensor) -> dict[str, torch.Tensor]:
        return super().forward(student, teacher[:, torch.randperm(teacher.size(1))])


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error; 0 for one value."""
    values = np.asarray(values, float)
    return values.mean(), values.std(ddof=1) / len(values)**0.5 if len(values) > 1 else 0.


def shown(values: Sequence[float]) -> str:
    """In %."""
    mean, error = mean_and_error(values)
    return f'{100 * mean:.1f} ({100 * error:.1f})'


# E0


def glyph_agreement(regions: np.ndarray, glyphs: np.ndarray) -> list[bool]:
    """For each character whether the region of its number is it alone: IoU of at least 0.8, both
    uint8 (H, W) with 0 for none."""
    out = []
    for k in range(1, int(glyphs.max(initial=0)) + 1):
        region, glyph = regions == k, glyphs == k
        out.append(bool((region & glyph).sum() >= 0.8 * max((region | glyph).sum(), 1)))
    return out


def resized_glyphs(glyphs: np.ndarray) -> np.ndarray:
    """Glyph numbers at 32 x 128: of each pixel the glyph that covers half of it or more."""
    out = np.zeros(SIZE[::-1], np.uint8)
    for k in range(1, int(glyphs.max(initial=0)) + 1):
        share = cv2.resize((glyphs == k).astype(np.float32), SIZE, interpolation=cv2.INTER_LINEAR)
        out[share >= 0.5] = k
    return out


def e0(args: argparse.Namespace) -> list[dict]:
    """Are regions characters?"""
    view, rows = WordViewPair(size=SIZE, prob=0), []
    for difficulty in DIFFICULTIES:
        renderer, _ = build_renderer(style=difficulty)
        for seed in args.seeds:
            found = []
            for i in tqdm(range(args.count), desc=f'{difficulty}, seed {seed}', disable=None):
                word = renderer.render((seed, i))
                regions = view(dict(img=word.image))['gt_regions'][0]
                agrees = glyph_agreement(regions, resized_glyphs(word.glyphs))
                found.append((len(agrees) == regions.max() and all(agrees),
                              regions.max() == len(agrees),
                              np.mean(agrees) if agrees else np.nan))  # too pale to show
            words, counts, characters = np.nanmean(found, 0)
            rows.append(dict(arm=difficulty, seed=seed, words=words, counts=counts,
                             characters=characters))
    return rows


# E1


class Frozen(torch.nn.Module):
    """A backbone alone, and the map that pre-training pools."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.backbone = MODELS.build(config.model.backbone)
        self.feature = config.model.feature
        self.preprocessor = MODELS.build(config.model.data_preprocessor)

    @torch.no_grad()
    def forward(self, path: Path, boxes: np.ndarray) -> torch.Tensor:
        """Vectors (L, C) of the characters in a picture, by their boxes as shares of it."""
        image = cv2.resize(cv2.imread(str(path)), SIZE, interpolation=cv2.INTER_LINEAR)
        inputs = torch.from_numpy(image).permute(2, 0, 1)
        data = self.preprocessor(dict(inputs=[inputs], data_samples=None))
        feature = self.backbone(data['inputs'])[self.feature]
        labels = torch.zeros(len(boxes), *SIZE[::-1], dtype=torch.uint8)
        for label, (x0, y0, x1, y1) in zip(labels, boxes * np.tile(SIZE, 2)):
            label[int(y0):max(round(y1), int(y0) + 1), int(x0):max(round(x1), int(x0) + 1)] = 1
        weights = region_weights(labels, tuple(feature.shape[-2:]), 1)
        return pool_regions(feature.expand(len(boxes), -1, -1, -1), weights)[:, 0]


def character_vectors(backbone: Frozen, split: str) -> tuple[torch.Tensor, list[str]]:
    """Vectors and letters, folded to lower case, of IIIT5K's characters."""
    vectors, letters = [], []
    root = Path(os.environ.get('SIGA_DATA', 'data'))
    for path, text, boxes in tqdm(boxed_words(root, split, sets=('iiit5k_train', )),
                                  desc=split, disable=None):
        vectors.append(backbone(path, boxes))
        letters += [c for c in text.lower() if c.isalnum()]
    return torch.cat(vectors), letters


def probe(train: torch.Tensor, labels: Sequence[str], val: torch.Tensor, wanted: Sequence[str],
          decay: float = 1e-3) -> float:
    """Accuracy of a logistic regression (squared weights times ``decay``)."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(
        C=1 / (2 * decay * len(labels)), max_iter=200))
    return classifier.fit(train.numpy(), labels).score(val.numpy(), wanted)


def e1(args: argparse.Namespace) -> list[dict]:
    """Do frozen features tell characters?"""
    config = read_config(args.config)
    arms = [('random weights', seed, None, None) for seed in args.seeds]
    arms += [(Path(path).parent.name.rpartition('_')[0] or 'ccd', number, path,
              {'backbone': 'teacher.backbone'}) for number, path in enumerate(args.ccd)]
    arms.append(('trained with labels', 0, find_packaged(LABELED).weights,
                 {'backbone': 'backbone'}))
    rows = []
    for arm, seed, path, parts in arms:
        torch.manual_seed(seed)
        frozen = Frozen(config)
        frozen.backbone.init_weights()
        if path is not None:
            load_weights(frozen, path, parts=parts)
        frozen.eval()
        train, val = (character_vectors(frozen, split) for split in ('train', 'val'))
        rows.append(dict(arm=arm, seed=seed, characters=probe(*train, *val),
                         train=len(train[1]), val=len(val[1])))
        print(rows[-1])
    return rows


# E2


def rendered_words(out: Path, count: int) -> Path:
    """A folder of rendered words, made once."""
    if not (out / 'rendered.tsv').exists():
        renderer, _ = build_renderer(style='hard', seed=0)
        with FolderWriter(out, 'rendered') as writer:
            for i in tqdm(range(count), desc='rendering', disable=None):
                writer.add(encode_picture(renderer.render((0, i)).image), '')
    return out


def word_sets(config: Config) -> list[dict]:
    """The four sets of real words, without pipelines."""
    return [dict(words) for words in config.real_words_train_list]


def pretraining(arm: str, seed: int, args: argparse.Namespace, rendered: Path) -> Config:
    """Config of a pre-training on all training words and rendered ones."""
    config = read_config(args.config)
    warm_up, own = max(args.steps // 10, 1), 31 * args.steps // 100
    config.train_dataloader.dataset.dataset = dict(
        type='ConcatDataset', verify_meta=False,
        datasets=[*word_sets(config), dict(type='WordFolderDataset', ann_file=str(rendered),
                                           pipeline=None)])
    config.param_scheduler[0].end = config.param_scheduler[1].begin = warm_up
    config.param_scheduler[1].T_max = args.steps - warm_up
    for scheduler in config.param_scheduler[1:]:
        scheduler.end = args.steps
    config.param_scheduler[2].T_max = args.steps
    schedule = {'student.head.frozen': {0: True, args.steps // 100: False}}
    if arm == 'shuffled':
        config.model.loss_distillation = dict(type='ShuffledDistillationLoss')
    if arm == 'strips':
        for transform in config.train_dataloader.dataset.pipeline:
            if transform['type'] == 'WordViewPair':
                transform['type'] = 'StripViewPair'
    else:  # strips have no masks
        schedule['own_masks'] = {own: True}
    config.custom_hooks[1].schedule = schedule
    return ready(config, f'{arm}_{seed}', seed, args.steps, args)


def reader(arm: str, seed: int, args: argparse.Namespace, start: Path | None) -> Config:
    """Config of a reader with a part of the labels."""
    config = read_config(CONFIGS / 'siga_tiny_baseline_from_ccd.py')
    config.default_hooks.warm_start.checkpoint = start and str(start)
    if args.ctc:
        dictionary = dict(config.dictionary, with_padding=True)
        config.model.decoder = dict(
            type='CTCDecoder', dictionary=dictionary, in_channels=128, mask_padding=True)
        config.train_dataloader.dataset.dictionary = dictionary
    first = FIRST_LABELED % args.every
    sets = [dict(words, indices=list(range(first, count_lines(words), args.every)))
            for words in word_sets(config)]
    config.train_dataloader.dataset.dataset = dict(
        type='ConcatDataset', datasets=sets, verify_meta=False)
    config.param_scheduler[0].total_steps = args.reader_steps
    return ready(config, f'reader_{arm}_{seed}', seed, args.reader_steps, args)


def count_lines(words: dict) -> int:
    table = Path(words['data_root'], words['ann_file'])
    return sum(1 for line in table.read_text('utf-8').splitlines() if line.strip())


def ready(config: Config, name: str, seed: int, steps: int, args: argparse.Namespace) -> Config:
    config.work_dir, config.experiment_name = str(args.out / name), f'{args.out.name}_{name}'
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=steps, val_interval=steps + 1)
    config.randomness, config.resume = dict(seed=seed), True
    config.train_dataloader.batch_size = args.batch
    config.default_hooks.checkpoint.interval = min(500, steps)
    if args.amp:
        config.optim_wrapper.type = 'AmpOptimWrapper'
    return config


def last_checkpoint(config: Config) -> Path:
    return Path(config.work_dir) / f'iter_{config.train_cfg.max_iters}.pth'


def e2(args: argparse.Namespace) -> list[dict]:
    """Does a reader with a part of the labels read better?"""
    record = args.out / 'results.json'
    args.out.mkdir(parents=True, exist_ok=True)
    rows = json.loads(record.read_text()) if record.exists() else []
    config = read_config(args.config)
    rendered = rendered_words(args.out / 'rendered', sum(map(count_lines, word_sets(config))))
    for seed, arm in ((seed, arm) for seed in args.seeds for arm in args.arms):
        if any((row['arm'], row['seed']) == (arm, seed) for row in rows):
            continue
        start = None
        if arm != 'scratch':
            config = pretraining(arm, seed, args, rendered)
            start = last_checkpoint(config)
            if not start.exists():
                Runner.from_cfg(config).train()
        runner = Runner.from_cfg(reader(arm, seed, args, start))
        runner.train()
        metrics = runner.val_loop.run()
        rows.append(dict(arm=arm, seed=seed, words=metrics[ACCURACY], metrics=metrics))
        record.write_text(json.dumps(rows, indent=1))
    return rows


def table(rows: Sequence[dict], figures: Sequence[str]) -> Iterator[str]:
    """A line an arm: mean and standard error, in %, over its seeds."""
    yield f'| arm | seeds | {" | ".join(figures)} |'
    yield '|---' * (2 + len(figures)) + '|'
    for arm in dict.fromkeys(row['arm'] for row in rows):
        own = [row for row in rows if row['arm'] == arm]
        yield f'| {arm} | {len(own)} | ' + ' | '.join(
            shown([row[figure] for row in own]) for figure in figures) + ' |'


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('experiment', choices=('e0', 'e1', 'e2'))
    add('--seeds', type=int, nargs='+', default=[0, 1, 2])
    add('--config', default=str(CONFIGS / 'ccd_siga_tiny.py'), help='of the pre-training')
    add('--count', type=positive, default=500, help='e0: words of a difficulty and seed')
    add('--ccd', nargs='*', default=[], metavar='FILE', help='e1: checkpoints of pre-trainings')
    add('--out', type=Path, default=Path('work_dirs/ccd_e2'), help='e2: folder of its runs')
    add('--arms', nargs='+', default=list(ARMS), choices=ARMS, help='e2')
    add('--steps', type=positive, default=3000, help='e2: of a pre-training')
    add('--reader-steps', type=positive, default=2000, help='e2: of a reader')
    add('--batch', type=positive, default=64, help='e2')
    add('--every', type=positive, default=10,
        help='e2: one in so many words has a label (default %(default)s)')
    add('--ctc', action='store_true',
        help='e2: readers by CTC, which begin to read in a part of the steps that attention takes')
    add('--amp', action='store_true', help='e2: in bfloat16')
    args = parser.parse_args(argv)
    init_default_scope('mmocr')
    rows = dict(e0=e0, e1=e1, e2=e2)[args.experiment](args)
    figures = dict(e0=('words', 'counts', 'characters'), e1=('characters', ), e2=('words', ))
    print('\n'.join(table(rows, figures[args.experiment])))


if __name__ == '__main__':
    run_tool(main)

"""Whether what ODMPretrainer draws follows the prompt.

    python tools/analysis/prompt_obedience.py configs/odm/odm_tiny.py iter_2000.pth
    python tools/analysis/prompt_obedience.py CONFIG WEIGHTS --scenes 12 --draw sheets

Held-out scenes, those that the config is tested on, are drawn three times: all words asked for; a
third of them left out; these exchanged for other words of their length, of the lexicon of the
config's TextPrompt. Printed are the IoU of ink with all words, and the mean probability of ink on
the third each time, on the words that stay, and elsewhere. Obedience is the share of its p that the
third loses, beyond what the words that stay lose: 1 if a word that is not asked for, or exchanged,
leaves nothing, 0 if the prompt changes nothing or makes all words pale alike.
"""
from __future__ import annotations

import argparse
import copy
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import LabelData
from mmocr.registry import DATASETS, MODELS, TRANSFORMS
from torch import nn

import mmocr_siga  # noqa: F401  (registers what the configs name)
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config
from mmocr_siga.datasets import TextPrompt
from mmocr_siga.evaluation.prompt_obedience_metric import drawing_sums, obedience
from mmocr_siga.images import encode_picture
from mmocr_siga.models.target_generators.text_masks import denormalized
from mmocr_siga.models.utils.weights import load_weights
from mmocr_siga.visualization import draw_destylised

WAYS = ('asked', 'left out', 'exchanged')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('config', type=Path)
    add('weights', type=Path)
    add('--scenes', type=positive, default=200, help='default: %(default)s')
    add('--seed', type=int, default=0, help='of the words that are left out (default: 0)')
    add('--draw', type=Path, help='folder for pictures of the scenes, three rows each')
    add('--json', type=Path, help='file for the figures')
    add('--device', default='cpu')
    return parser.parse_args(argv)


def held_out(cfg: Config, count: int) -> tuple[torch.utils.data.Dataset, TextPrompt]:
    """The scenes that a config is tested on, a third of whose words are dropped, and what draws
    other words in their place."""
    data = copy.deepcopy(cfg.test_dataloader.dataset)
    prompt = next(transform for transform in data.pipeline if transform['type'] == 'TextPrompt')
    prompt.update(drop=(0.33, 0.34), noise=None, prob=1.0, decoys='lexicon')
    data.length = count
    return DATASETS.build(data), TRANSFORMS.build(prompt)


def asked_for(sample, swap: TextPrompt) -> dict[str, list[str]]:
    """The three prompts of a scene of which some words are dropped."""
    words = sample.gt_instances
    gone = [text for text, dropped in zip(words.texts, words.dropped.tolist()) if dropped]
    kept = list(sample.prompt.texts)
    others = []
    for text in gone:
        decoys = (swap.decoy(text) for _ in range(20))
        others += [next((word for word in decoys if word not in words.texts), '')]
    return dict(zip(WAYS, (kept + gone, kept, kept + [word for word in others if word])))


@torch.no_grad()
def measure(model: nn.Module, dataset: torch.utils.data.Dataset, swap: TextPrompt, count: int,
            seed: int, draw: Path | None = None) -> dict[str, float]:
    """The figures; sheets are drawn into a folder."""
    np.random.seed(seed)
    sums: dict[str, Counter] = {way: Counter() for way in WAYS}
    for number in range(count):
        data = model.data_preprocessor(pseudo_collate([dataset[number]]), False)
        sample = data['data_samples'][0]
        truth, sheets = sample.gt_plain, []
        for way, texts in asked_for(sample, swap).items():
            sample.prompt = LabelData(texts=texts, decoys=[
                text not in sample.gt_instances.texts for text in texts])
            ink = model(**data, mode='predict')[0].pred_plain.ink
            seg = truth.seg
            if way == 'asked':  # the IoU is that of all words
                known = torch.where(truth.dropped, torch.ones_like(seg), seg)
                sums[way].update({f'all_{name}': value for name, value in drawing_sums(
                    ink, known, torch.zeros_like(truth.dropped)).items()})
            sums[way].update(drawing_sums(ink, seg, truth.dropped))
            if draw is not None:
                picture = denormalized(data['inputs'], model.data_preprocessor)[0]
                if model.data_preprocessor._channel_conversion:
                    picture = picture.flip(0)
                sheets.append(draw_destylised(
                    picture.byte().permute(1, 2, 0).cpu().numpy()[:ink.shape[1], :ink.shape[2]],
                    texts, sample.prompt.decoys, ink[0].cpu().numpy(), truth.ink[0].cpu().numpy()))
        if sheets:
            draw.mkdir(parents=True, exist_ok=True)
            (draw / f'{number:03d}.png').write_bytes(encode_picture(np.concatenate(sheets), '.png'))
    return figures(sums)


def figures(sums: dict[str, Counter]) -> dict[str, float]:
    """What is printed, by name."""
    found = {way: obedience(sums[way]) for way in WAYS}
    whole = {name[4:]: value for name, value in sums['asked'].items() if name.startswith('all_')}
    out = dict(ink_iou=obedience(whole)['ink_iou'])
    for way in WAYS:
        out[f'p {way}'] = found[way]['p_dropped']
        out[f'p of words that stay, {way}'] = found[way]['p_prompted']
    out['p elsewhere'] = found['asked']['p_outside']
    for way in WAYS[1:]:
        kept, kept_asked = (out[f'p of words that stay, {name}'] for name in (way, 'asked'))
        share = out[f'p {way}'] * kept_asked / max(out['p asked'] * kept, 1e-9)
        out[f'obedience, {way}'] = 1 - share
    return out


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    cfg = read_config(args.config)
    init_default_scope('mmocr')
    model = MODELS.build(cfg.model)
    load_weights(model, args.weights, training_only=('loss_', ))
    found = measure(model.to(args.device).eval(), *held_out(cfg, args.scenes), args.scenes,
                    args.seed, args.draw)
    for name, value in found.items():
        print(f'{name:32} {value:.4f}')
    if args.json:
        args.json.write_text(json.dumps(found))
    return 0


if __name__ == '__main__':
    run_tool(main)

"""Mark the text pixels of pictures by a model of ODM, for training that needs masks.

    python -m mmocr_siga spot --det DET.py --det-weights DET.pth --json photos > words.jsonl
    python tools/data/label_text_pixels.py configs/odm/odm_r18.py odm.pth words.jsonl masks

Of pictures without labels the words are those that a spotter has read: with a score of at least
--score they are asked for, and what is drawn is text. Where the spotter was less sure, where
nothing was drawn of a word asked for, and where something was drawn outside of all words, nothing
is known. Words that the spotter missed are not asked for, and so are background: mind that. Words
from annotations: MMOCR's JSON (tools/data/icdar_scenes.py) in the place of words.jsonl.

A picture a/b.jpg gets masks/NUMBER_b.png: 1 on text, 0 on background, 255 where nothing is known,
as gt_seg_map has it everywhere here. masks/masks.jsonl names them all: path, mask, words asked for,
words left out, share of text. What cannot be read is named there with its error.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from torch import nn
from tqdm import tqdm

import mmocr_siga  # noqa: F401  (registers what the configs name)
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive, share
from mmocr_siga.compat.configs import read_config
from mmocr_siga.datasets import CheckedSceneDataset, FitScene
from mmocr_siga.datasets.formats.writers import refuse_existing
from mmocr_siga.datasets.transforms.destyled_label import IGNORED, ignored_regions
from mmocr_siga.images import decode_picture, encode_picture, read_file
from mmocr_siga.models.utils.weights import load_weights

PROMPT_WORDS = 32
_NAME = 50  # characters of a picture's name; file systems take 255 bytes


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('config', type=Path, help='of ODMPretrainer')
    add('weights', type=Path)
    add('words', type=Path, help="lines of 'mmocr_siga spot --json', or MMOCR's JSON")
    add('out', type=Path, help='new folder')
    add('--score', type=share, default=0.8, help='least of words asked for (default: %(default)s)')
    add('--threshold', type=share, default=0.5,
        help='least probability of text pixels (default: %(default)s)')
    add('--side', type=positive, default=1280,
        help='longest side at which a picture is looked at (default: %(default)s)')
    add('--device', default='cpu')
    return parser.parse_args(argv)


def scenes(path: Path) -> Iterator[tuple[str, list[dict[str, Any]] | Exception]]:
    """Path and words (polygon, text, score) of each picture; of a line that is none, its place and
    the error."""
    with open(path, encoding='utf-8') as file:
        first = file.readline()
    if not _is_spotted(first):
        for scene in CheckedSceneDataset(ann_file=str(path), data_prefix=dict(
                img_path=str(path.parent)), lazy_init=True).load_data_list():
            yield scene['img_path'], [dict(polygon=each['polygon'], text=each['text'],
                                           score=0.0 if each['ignore'] else 1.0)
                                      for each in scene['instances']]
        return
    with open(path, encoding='utf-8') as file:
        for number, line in enumerate(file, 1):
            try:
                scene = json.loads(line)
                words = [dict(polygon=np.ravel(np.array(word['polygon'], float)).tolist(),
                              text=str(word['text']), score=float(word['score']))
                         for word in scene['words']]
                words += [dict(polygon=np.ravel(np.array(region['polygon'], float)).tolist(),
                               text='', score=0.0) for region in scene.get('skipped', [])
                          if region['polygon']]
                yield str(scene['path']), words
            except (ValueError, KeyError, TypeError) as error:
                yield f'{path}, line {number}', ValueError(
                    f'is no scene of mmocr_siga spot --json: {error!r}')


def _is_spotted(line: str) -> bool:
    """Whether a line is one of spot --json, be it cut off, and not the first or only one of MMOCR's
    JSON."""
    try:
        return 'words' in json.loads(line)
    except (ValueError, TypeError):
        return line.startswith('{"path"')


@torch.no_grad()
def text_pixels(model: nn.Module, picture: np.ndarray, words: Sequence[dict[str, Any]],
                threshold: float = 0.5, side: int = 1280) -> tuple[np.ndarray, int]:
    """Mask of a picture, uint8 (H, W), and how many of the words asked for were not drawn.

    ``words`` have a ``polygon``, a ``text`` and ``asked``; those not asked for are unknown.
    """
    height, width = picture.shape[:2]
    asked = [word for word in words if word['asked']]
    drawn = np.zeros((height, width), np.float32)
    for start in range(0, len(asked), PROMPT_WORDS):
        texts = [word['text'] for word in asked[start:start + PROMPT_WORDS]]
        probability = _drawn(model, picture, texts, side)
        np.maximum(drawn, cv2.resize(probability, (width, height)), out=drawn)
    text = drawn >= threshold
    regions = [ignored_regions((height, width), [word['polygon']]) for word in asked]
    missed = [region for region in regions if not (text & region).any()]
    around = np.zeros((height, width), np.uint8)
    for region in regions:
        around |= region.view(np.uint8)
    around = cv2.dilate(around, np.ones((5, 5), np.uint8)).view(bool)
    unknown = (text & ~around) | ignored_regions(
        (height, width), [word['polygon'] for word in words if not word['asked']])
    for region in missed:
        unknown |= region
    return np.where(unknown, np.uint8(IGNORED), text.astype(np.uint8)), len(missed)


def _drawn(model: nn.Module, picture: np.ndarray, texts: list[str], side: int) -> np.ndarray:
    """Probability of ink, float32, at the size at which the picture is looked at."""
    results = FitScene(scale=(side, side)).transform(dict(img=picture))
    image = torch.from_numpy(np.ascontiguousarray(results['img'].transpose(2, 0, 1)))
    sample = TextDetDataSample(metainfo=dict(img_shape=results['img_shape']))
    data = model.data_preprocessor(pseudo_collate([dict(inputs=image, data_samples=sample)]), False)
    logits = model.draw(data['inputs'], [texts])[0]
    height, width = results['img_shape']
    return logits[0, 0, :height, :width].float().sigmoid().cpu().numpy()


def label(args: argparse.Namespace, model: nn.Module) -> int:
    """Write all masks; gives the number of pictures without."""
    args.out.mkdir(parents=True, exist_ok=True)
    known, failed = set(model.text_encoder.numbers), 0
    with open(args.out / 'masks.jsonl', 'w', encoding='utf-8') as report:
        for number, (path, words) in enumerate(tqdm(scenes(args.words), unit=' pictures')):
            try:
                if isinstance(words, Exception):
                    raise words
                picture = decode_picture(read_file(path))
            except (OSError, ValueError) as error:
                failed += 1
                print(f'{path}: {error}', file=sys.stderr)
                report.write(json.dumps(dict(path=path, error=str(error))) + '\n')
                continue
            for word in words:
                word['asked'] = word['score'] >= args.score and bool(
                    word['text']) and set(word['text']) <= known
            mask, missed = text_pixels(model, picture, words, args.threshold, args.side)
            name = f'{number:06d}_{Path(path).stem[:_NAME]}.png'
            (args.out / name).write_bytes(encode_picture(mask, '.png'))
            asked = sum(word['asked'] for word in words)
            report.write(json.dumps(dict(
                path=path, mask=name, words=asked, left_out=len(words) - asked, not_drawn=missed,
                text_share=round(float((mask == 1).mean()), 6))) + '\n')
    return failed


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    refuse_existing(args.out)
    if not args.words.is_file():
        raise FileNotFoundError(f'no words at {args.words}')
    cfg = read_config(args.config)
    init_default_scope('mmocr')
    model = MODELS.build(cfg.model)
    load_weights(model, args.weights, training_only=('loss_', ))
    return 1 if label(args, model.to(args.device).eval()) else 0


if __name__ == '__main__':
    run_tool(main)

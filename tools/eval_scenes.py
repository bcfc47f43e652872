"""Detection and end-to-end hmean on whole scenes, in one table; and the thresholds, chosen.

    python tools/eval_scenes.py                          # what is packaged, on the held-out scenes
    python tools/eval_scenes.py --model siga.py --weights siga.pth --det dbnet_lcnetv4 \\
        --det-weights dbnet.pth --spotter configs/spotting/siga_spotter_lcnetv4.py spotter.pth
    python tools/eval_scenes.py --scenes data/ic15       # images/*.jpg and gts/gt_*.txt
    python tools/eval_scenes.py --sweep                  # on 40 training scenes

Rows are SceneInferencer; its reader on the annotated quads of legible words; where the package
rapidocr is installed its own pipeline, by lines and by words; and a text spotter, if one is named.
The scenes are those that configs/_base_/datasets/scenes.py sets aside. Our rows leave out what
SceneInferencer leaves out by default; "best floor" is the end-to-end hmean, and the least
score of readings that gives it, of these very scenes.

--sweep reads training scenes by all combinations of the thresholds of DBPostprocessor that are
given, finds the best detection score and floor for each, and prints the best combinations: what
became mask_thr, unclip_ratio and min_text_score of configs/_base_/models/lcnet_v4_detector.py and
SCORE_FLOOR of mmocr_siga/inference/scene_inferencer.py.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from mmocr_siga.apis import SceneInferencer, WordInferencer
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.evaluation import E2EHmeanMetric
from mmocr_siga.inference.detectors import DEFAULT_DETECTOR, MMOCRDetector
from mmocr_siga.inference.inputs import Source, picture_of
from mmocr_siga.inference.packaged import DEFAULT_MODEL
from mmocr_siga.inference.pipelines import mmocr_scope
from mmocr_siga.inference.scene_inferencer import SCORE_FLOOR
from mmocr_siga.inference.tiled_detector import Found

from mmengine.config import Config  # isort: skip
from mmocr.apis.inferencers.textspot_inferencer import TextSpotInferencer  # isort: skip
from mmocr.registry import DATASETS  # isort: skip

SCENES = Path(__file__).resolve().parents[1] / 'configs' / '_base_' / 'datasets' / 'scenes.py'
FLOORS = dict(start=0, stop=0.96, step=0.05)
DET_SCORES = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)


class Scene(NamedTuple):
    """A picture and its annotated words."""
    path: str
    truth: dict[str, Any]

    @property
    def legible(self) -> list[np.ndarray]:
        return [polygon for polygon, ignored in zip(self.truth['polygons'], self.truth['ignored'])
                if not ignored]


class Words(NamedTuple):
    """What was found and read in a picture."""
    polygons: list[Any]
    texts: list[str]
    scores: list[float]
    det_scores: list[float]


def load_scenes(args: argparse.Namespace) -> list[Scene]:
    """The scenes that are asked for, evenly drawn where not all are."""
    cfg = Config.fromfile(SCENES)
    if args.scenes:
        configs = [dict(cfg.ic15_scenes_test, data_root=str(folder), part='all')
                   for folder in args.scenes]
    elif args.sweep:
        configs = [cfg.ic15_scenes_train, cfg.ic15_more_train]
    else:
        configs = [cfg.ic15_scenes_test, cfg.ic15_more_test]
    with mmocr_scope():
        found = [info for config in configs for info in
                 DATASETS.build(dict(config, pipeline=[], test_mode=True)).load_data_list()]
    count = min(args.count or len(found), len(found))
    picked = [found[i] for i in np.linspace(0, len(found) - 1, count).round().astype(int)]
    return [Scene(info['img_path'], dict(
        polygons=[np.array(word['polygon']) for word in info['instances']],
        texts=[word['text'] for word in info['instances']],
        ignored=np.array([word['ignore'] for word in info['instances']], bool)))
        for info in picked]


def figures(scenes: Sequence[Scene], found: Sequence[Words],
            floor: float = 0.0) -> dict[str, float]:
    """Those of E2EHmeanMetric for readings with a score of at least ``floor``; ``best_hmean`` and
    ``floor``: end to end with the best one."""
    plain = E2EHmeanMetric(protocols=('detection', 'end_to_end'))
    swept = E2EHmeanMetric(protocols='end_to_end', score='text_scores', pred_score_thrs=FLOORS)
    for scene, words in zip(scenes, found):
        for metric, each in ((plain, _kept(words, words.scores, floor)), (swept, words)):
            metric.process(None, [dict(
                img_path=scene.path, gt_instances=scene.truth, pred_instances=dict(
                    polygons=each.polygons, texts=each.texts,
                    text_scores=np.array(each.scores)))])
    best = swept.compute_metrics(swept.results)
    return dict(plain.compute_metrics(plain.results), best_hmean=best['hmean'],
                floor=best['threshold'])


def spotted(spot: SceneInferencer, scenes: Sequence[Scene],
            polygons: Sequence[Any] | None = None) -> list[Words]:
    """What a cascade finds, or reads in regions."""
    out = []
    for scene in spot.iter_spot([scene.path for scene in scenes], polygons,
                                return_char_polygons=False):
        if scene.error is not None:
            raise ValueError(f'{scene.path}: {scene.error}')
        out.append(Words([np.reshape(word.polygon, -1) for word in scene.words],
                         [word.text for word in scene.words],
                         [word.score for word in scene.words],
                         [word.det_score or 1.0 for word in scene.words]))
    return out


def by_spotter(config: str, weights: str, scenes: Sequence[Scene], device: str) -> list[Words]:
    """What a text spotter finds and reads."""
    with mmocr_scope():
        spot = TextSpotInferencer(config, weights, device)
        found = [spot(scene.path, return_datasamples=True, progress_bar=False, out_dir='')[
            'predictions'][0].pred_instances for scene in scenes]
    return [Words(list(each.polygons), list(each.texts), each.text_scores.tolist(),
                  each.scores.tolist()) for each in found]


def by_rapidocr(scenes: Sequence[Scene]) -> tuple[list[Words], list[Words]]:
    """Lines and words of RapidOCR's pipeline, its least score apart, which is a floor."""
    from rapidocr import RapidOCR
    read = RapidOCR(params={
        'EngineConfig.onnxruntime.intra_op_num_threads': torch.get_num_threads(),
        'Global.text_score': 0.0, 'Global.log_level': 'error'})
    lines, words = [], []
    for scene in scenes:
        found = read(picture_of(Source(scene.path)), return_word_box=True)
        there = found.boxes is not None
        whole = list(zip(found.boxes, found.txts, found.scores)) if there else []
        parts = [(box, text, score) for line in found.word_results for text, score, box in line
                 if box is not None] if there else []
        for out, each in ((lines, whole), (words, parts)):
            out.append(Words([np.reshape(box, -1).astype(float) for box, _, _ in each],
                             [text for _, text, _ in each],
                             [float(score) for _, _, score in each], [1.0] * len(each)))
    return lines, words


def rows(args: argparse.Namespace,
         scenes: Sequence[Scene]) -> Iterator[tuple[str, list[Words], float]]:
    """Name of each way to read scenes, what it reads, and the floor of its scores."""
    reader = WordInferencer(args.model, args.weights, args.device, tta=args.tta)
    spot = SceneInferencer(args.det, args.det_weights, reader, device=args.device, score_thr=0,
                           split_lines=not args.lines)
    yield 'detector and reader', spotted(spot, scenes), SCORE_FLOOR
    yield 'annotated quads', spotted(spot, scenes, [scene.legible for scene in scenes]), 0.0
    if args.spotter:
        yield 'spotter', by_spotter(*args.spotter, scenes, args.device), 0.0
    try:
        lines, words = by_rapidocr(scenes)
    except ImportError as error:
        print(f'(RapidOCR is not compared: {error})', file=sys.stderr)
    else:
        yield 'RapidOCR, lines', lines, 0.0
        yield 'RapidOCR, words', words, 0.0


def table(args: argparse.Namespace, scenes: Sequence[Scene]) -> None:
    """Print a row for each way to read."""
    print('| | detection P | R | hmean | end to end P | R | hmean | best floor | s a scene |'
          '\n|' + '---|' * 9)
    started = time.monotonic()
    for name, found, floor in rows(args, scenes):
        seconds = (time.monotonic() - started) / len(scenes)
        out = figures(scenes, found, floor)
        shares = ' | '.join(f'{100 * out[before + figure]:.1f}' for before in ('detection_', '')
                            for figure in ('precision', 'recall', 'hmean'))
        print(f'| {name} | {shares} | {100 * out["best_hmean"]:.1f} ({out["floor"]:.2f}) | '
              f'{seconds:.1f} |', flush=True)
        started = time.monotonic()


def sweep(args: argparse.Namespace, scenes: Sequence[Scene]) -> None:
    """Print the best thresholds."""
    detector = MMOCRDetector(args.det, args.det_weights, args.device)
    model = detector.inferencer.model
    post, maps = model.det_head.postprocessor, []
    for scene in scenes:
        for _, batch in detector.inferencer.preprocess([picture_of(Source(scene.path))], 1):
            data = model.data_preprocessor(batch, False)
            with torch.no_grad(), mmocr_scope():
                # In half precision: there are many.
                maps.append((model(data['inputs'], data['data_samples'], mode='tensor').half(),
                             data['data_samples']))
    reader = WordInferencer(args.model, args.weights, args.device, tta=args.tta)
    found = []
    post.min_text_score = min(DET_SCORES)
    for mask_thr, unclip in product(args.mask_thr, args.unclip):
        post.mask_thr, post.unclip_ratio = mask_thr, unclip
        there = iter([post(each.float(), samples)[0].pred_instances for each, samples in maps])
        spot = SceneInferencer(lambda image, it=there: _of(next(it)), rec=reader, score_thr=0,
                               split_lines=not args.lines)
        words = spotted(spot, scenes)
        for least in DET_SCORES:
            out = figures(scenes, [_kept(each, each.det_scores, least) for each in words])
            found.append((out['best_hmean'], mask_thr, unclip, least, out['floor'],
                          out['hmean'], out['detection_hmean']))
    print('| mask_thr | unclip_ratio | detection score | floor | end to end | without a floor | '
          'detection |\n|' + '---|' * 7)
    for best, mask_thr, unclip, least, floor, plain, det in sorted(found, reverse=True)[:args.top]:
        print(f'| {mask_thr:g} | {unclip:g} | {least:g} | {floor:.2f} | {100 * best:.1f} | '
              f'{100 * plain:.1f} | {100 * det:.1f} |')


def _of(instances: Any) -> Found:
    return Found(instances.polygons, instances.scores.tolist())


def _kept(words: Words, scores: Sequence[float], least: float) -> Words:
    kept = [i for i, score in enumerate(scores) if score >= least]
    return Words(*([values[i] for i in kept] for values in words))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--scenes', nargs='+', type=Path, metavar='FOLDER', help='folders with images/ and gts/')
    add('--count', type=positive, help='draw so many evenly (default: all; with --sweep 40)')
    add('--det', default=DEFAULT_DETECTOR, help='name or config (default: %(default)s)')
    add('--det-weights', metavar='FILE')
    add('--model', default=DEFAULT_MODEL, help='name or config of a reader (default: %(default)s)')
    add('--weights', metavar='FILE')
    add('--tta', type=float, metavar='P', help="as WordInferencer's (default: its own)")
    add('--lines', action='store_true', help='keep lines whole that are found as one')
    add('--spotter', nargs=2, metavar=('CONFIG', 'WEIGHTS'), help='read by a text spotter, too')
    add('--device', default='cpu', help='default: %(default)s')
    add('--sweep', action='store_true', help='choose thresholds on training scenes')
    add('--mask-thr', nargs='+', type=float, default=[0.2, 0.3, 0.4], metavar='X',
        help='for --sweep (default: %(default)s)')
    add('--unclip', nargs='+', type=float, default=[1.4, 1.6, 1.8, 2.0], metavar='X',
        help='for --sweep (default: %(default)s)')
    add('--top', type=positive, default=10, help='rows of --sweep (default: %(default)s)')
    args = parser.parse_args(argv)
    if args.sweep and args.count is None:
        args.count = 40
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    scenes = load_scenes(args)
    if not scenes:
        raise ValueError('there are no scenes')
    words = sum(len(scene.legible) for scene in scenes)
    print(f'{len(scenes)} scenes, {words} legible words')
    (sweep if args.sweep else table)(args, scenes)
    return 0


if __name__ == '__main__':
    run_tool(main)

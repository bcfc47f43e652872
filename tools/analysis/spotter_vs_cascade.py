"""Compare a spotter that was trained as one with a cascade of the same parts.

    python tools/analysis/spotter_vs_cascade.py configs/spotting/siga_spotter_tiny.py \\
        work_dirs/siga_spotter_tiny/iter_4000.pth \\
        --model configs/siga_tiny.py --weights work_dirs/siga_tiny_mixed/iter_8500.pth

The cascade is SceneInferencer with the spotter's own detector and a reader that saw words
alone: give the one that the spotter began with. Both drop words of which nothing is read, and those
read with a smaller mean score of their characters than the spotter's min_text_score. The scenes are
those of the config's test set. Prints a table of hmean at an IoU of 0.5: end to end without a
lexicon, with the strong one of a picture's own words filled up to 100, and of detection alone;
and pictures per second, without the loading of files.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Callable

import cv2
import numpy as np
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)
from mmocr_siga.apis import SceneInferencer, WordInferencer
from mmocr_siga.evaluation import E2EHmeanMetric
from mmocr_siga.inference.packaged import DEFAULT_MODEL
from mmocr_siga.models.spotters import SIGASpotter
from mmocr_siga.models.utils.weights import load_weights

from mmocr.registry import DATASETS, MODELS, TRANSFORMS  # isort: skip

Found = tuple[list[np.ndarray], list[str]]
LOADING = ('LoadImageFromFile', 'LoadOCRAnnotations')
COLUMNS = ('', 'end to end', 'strong lexicon', 'detection', 'pictures/s')


class Spotter:
    """A spotter over pictures, whole or its detector alone.

    Args:
        config (Config): Of the spotter, with its test pipeline.
        weights (str): Its checkpoint.
        device (torch.device): Where it runs.
    """

    def __init__(self, config: Config, weights: str, device: torch.device) -> None:
        kind = MODELS.get(config.model.type)
        if kind is None or not issubclass(kind, SIGASpotter):
            raise ValueError(f'the config is of a {config.model.type}, not of a SIGASpotter')
        model = dict(config.model, rec_head=dict(config.model.rec_head, weights=None))
        self.model: SIGASpotter = MODELS.build(model)
        load_weights(self.model, weights, ())
        self.model.to(device).eval()
        self.pipeline = Compose([
            TRANSFORMS.build(step) for step in config.test_dataloader.dataset.pipeline
            if step['type'] not in LOADING])

    def prepared(self, image: np.ndarray) -> dict:
        """A picture, BGR (H, W, 3), as the model takes it."""
        shape = image.shape[:2]
        data = self.pipeline(dict(img=image, img_shape=shape, ori_shape=shape, img_path=''))
        return self.model.data_preprocessor(
            dict(inputs=[data['inputs']], data_samples=[data['data_samples']]), False)

    @torch.no_grad()
    def detect(self, image: np.ndarray) -> tuple[list[np.ndarray], list[float]]:
        """Polygons in pixels of the picture, and their scores."""
        batch = self.prepared(image)
        features = self.model.extract_feat(batch['inputs'])
        sample, = self.model.det_head.predict(features, batch['data_samples'])
        return list(sample.pred_instances.polygons), sample.pred_instances.scores.tolist()

    @torch.no_grad()
    def spot(self, image: np.ndarray) -> Found:
        """Polygons and what they say."""
        sample, = self.model(**self.prepared(image), mode='predict')
        return list(sample.pred_instances.polygons), list(sample.pred_instances.texts)


def cascade(spotter: Spotter, reader: WordInferencer) -> Callable[[np.ndarray], Found]:
    """The spotter's detector with another reader behind it."""
    least = spotter.model.min_text_score
    spot = SceneInferencer(det=spotter.detect, rec=reader, det_score_thr=0.0)

    def read(image: np.ndarray) -> Found:
        scene, = spot(image, return_char_polygons=False)
        words = [w for w in scene.words if w.text and np.mean(w.char_scores) >= least]
        return [np.asarray(w.polygon) for w in words], [w.text for w in words]

    return read


def measured(way: Callable[[np.ndarray], Found], scenes: Sequence[dict],
             device: torch.device) -> tuple[dict[str, float], float]:
    """Results of the metric, and pictures per second."""
    metric = E2EHmeanMetric(lexicons=[dict(kind='strong', size=100)])
    seconds = 0.0
    for number, scene in enumerate(scenes):
        image = cv2.imread(scene['img_path'])
        if number == 0:
            way(image)  # what is done once is not counted
        if device.type == 'cuda':
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        polygons, texts = way(image)
        seconds += time.perf_counter() - start
        words = scene['instances']
        truth = dict(polygons=[word['polygon'] for word in words],
                     texts=[word['text'] for word in words],
                     ignored=np.array([word['ignore'] for word in words], bool))
        metric.process(None, [dict(img_path=scene['img_path'], gt_instances=truth,
                                   pred_instances=dict(polygons=polygons, texts=texts))])
    return metric.compute_metrics(metric.results), len(scenes) / max(seconds, 1e-9)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('config', help='config of the spotter')
    add('checkpoint', help='its weights')
    add('--model', default=DEFAULT_MODEL, help="the cascade's reader (default: %(default)s)")
    add('--weights', help='its checkpoint')
    add('--device', help='device (default: a GPU where there is one)')
    add('--limit', type=int, help='use only the first scenes')
    args = parser.parse_args(argv)
    init_default_scope('mmocr')
    reader = WordInferencer(args.model, args.weights, args.device)
    config = Config.fromfile(args.config)
    spotter = Spotter(config, args.checkpoint, reader.device)
    dataset = DATASETS.build(dict(config.test_dataloader.dataset, pipeline=[]))
    scenes = [dataset.get_data_info(i) for i in range(len(dataset))][:args.limit]
    if not scenes:
        parser.error('there is no scene to be read')

    def detector(image: np.ndarray) -> Found:
        polygons, _ = spotter.detect(image)
        return polygons, [''] * len(polygons)

    ways = {'detector alone': detector, 'cascade': cascade(spotter, reader),
            'trained together': spotter.spot}
    print('| ' + ' | '.join(COLUMNS) + ' |\n|' + '---|' * len(COLUMNS))
    for name, way in ways.items():
        result, speed = measured(way, scenes, reader.device)
        read = ['-', '-'] if way is detector else [
            f'{result[key]:.4f}' for key in ('hmean', 'hmean_strong')]
        print('| ' + ' | '.join([name, *read, f'{result["detection_hmean"]:.4f}',
                                 f'{speed:.2f}']) + ' |', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())

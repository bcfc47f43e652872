"""Compare words cut out along their polygons with words cut out as upright boxes.

    python tools/analysis/polygon_crops.py ../shared/data/real/ic15_scenes \\
        --model configs/siga_tiny.py --weights work_dirs/siga_tiny/iter_4500.pth --angles 0 15 30

Annotated regions stand in for a detector, so that all differences come from cutting out. The
pictures are turned by each angle. `upright` crops are the bounding boxes, `upright, MMOCR's
margins` those that MMOCRInferencer cuts out. Prints a table of end-to-end hmean, without a lexicon
and with the strong one of a picture's own words filled up to 100.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)
from mmocr_siga.apis import SceneInferencer, WordInferencer
from mmocr_siga.datasets.formats.scene_annotations import read_scenes
from mmocr_siga.evaluation import E2EHmeanMetric
from mmocr_siga.inference.packaged import DEFAULT_MODEL

from mmocr.utils import bbox2poly, crop_img, poly2bbox  # isort: skip

WAYS = ('polygon', 'upright', "upright, MMOCR's margins")


def turned(image: np.ndarray, polygons: Sequence[np.ndarray],
           angle: float) -> tuple[np.ndarray, list[np.ndarray]]:
    """A picture and its polygons (P, 2), turned by degrees; nothing is cut off."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    size = np.abs(matrix[:, :2]) @ (width, height)
    matrix[:, 2] += (size - (width, height)) / 2
    image = cv2.warpAffine(image, matrix, tuple(np.ceil(size - 1e-6).astype(int).tolist()))
    return image, [polygon @ matrix[:, :2].T + matrix[:, 2] for polygon in polygons]


def read_words(way: str, spotter: SceneInferencer, image: np.ndarray,
               polygons: Sequence[np.ndarray]) -> list[str]:
    """Readings of the words of a picture, cut out in one of :data:`WAYS`."""
    if not polygons:
        return []
    if way == 'polygon':
        scene, = spotter(image, [polygons], return_char_polygons=False)
        if scene.skipped:
            raise ValueError(f'a region cannot be read: {scene.skipped[0].reason}')
        return [word.text for word in scene.words]
    margins = (0., 0.) if way == 'upright' else ()
    crops = [crop_img(image, bbox2poly(poly2bbox(polygon.reshape(-1))).tolist(), *margins)
             for polygon in polygons]
    return [word.text for word in spotter.recognizer(crops, return_char_boxes=False)]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('scenes', type=Path, help='folder with images/ and gts/')
    add('--model', default=DEFAULT_MODEL, help='recogniser (default: %(default)s)')
    add('--weights', help='its checkpoint')
    add('--device', help='device (default: a GPU where there is one)')
    add('--angles', type=float, nargs='+', default=[0.], help='degrees (default: 0)')
    add('--limit', type=int, help='use only the first scenes')
    args = parser.parse_args(argv)
    scenes, _ = read_scenes(args.scenes / 'gts', args.scenes / 'images')
    spotter = SceneInferencer(rec=WordInferencer(args.model, args.weights, args.device),
                                     min_size=0)
    print(f'| angle | {" | ".join(WAYS)} |\n|---|{"---|" * len(WAYS)}')
    for angle in args.angles:
        metrics = [E2EHmeanMetric(['end_to_end'], [dict(kind='strong', size=100)]) for _ in WAYS]
        for scene in scenes[:args.limit]:
            words = [word for word in scene['instances'] if not word['ignore']]
            image, polygons = turned(
                cv2.imread(str(args.scenes / 'images' / scene['img_path'])),
                [np.reshape(word['polygon'], (-1, 2)) for word in words], angle)
            truth = dict(polygons=polygons, texts=[word['text'] for word in words],
                         ignored=np.zeros(len(words), bool))
            for way, metric in zip(WAYS, metrics):
                found = dict(polygons=polygons, texts=read_words(way, spotter, image, polygons))
                metric.process(None, [dict(img_path=scene['img_path'], gt_instances=truth,
                                           pred_instances=found)])
        results = [metric.compute_metrics(metric.results) for metric in metrics]
        print(f'| {angle:g} | ' + ' | '.join(
            f'{r["hmean"]:.4f} / {r["hmean_strong"]:.4f}' for r in results) + ' |', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Scenes of two plain words, the smallest ones in which a prompt has to be read."""
from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from mmengine.dataset import Compose
from mmocr.registry import DATASETS

from mmocr_siga.rendering.plain import draw_plain_words, plain_face

WORDS = ('BUS', 'TEA', 'ICE', 'GAS')
SIZE = (64, 96)  # height and width
ROWS = ((4, 28), (36, 60))
WIDTH = 52


@DATASETS.register_module()
class PlainSceneDataset:
    """Two of four words in one face, dark on pale gray, anywhere in two rows; without end."""

    def __init__(self, pipeline: Sequence[dict | Callable], length: int = 1_000_000, seed: int = 0
                 ) -> None:
        self.pipeline, self.length, self.seed = Compose(pipeline), length, seed

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, idx: int) -> dict:
        rng = np.random.default_rng((self.seed, idx))
        words = [(_box(int(rng.integers(2, SIZE[1] - WIDTH - 2)), *row), str(text))
                 for row, text in zip(ROWS, rng.permutation(WORDS))]
        image = np.full((*SIZE, 3), rng.integers(160, 256), np.uint8)
        ink, _ = draw_plain_words(SIZE, words, plain_face())
        image[ink > 127] = rng.integers(0, 100, 3)
        instances = [dict(polygon=box.ravel().tolist(), bbox=[*box[0], *box[2]], text=text,
                          ignore=False, bbox_label=0) for box, text in words]
        return self.pipeline(dict(
            img=image, img_path=f'plain scene {idx}', img_shape=SIZE, ori_shape=SIZE,
            height=SIZE[0], width=SIZE[1], instances=instances, sample_idx=idx))


def _box(x: int, top: int, bottom: int) -> np.ndarray:
    return np.array([(x, top), (x + WIDTH, top), (x + WIDTH, bottom), (x, bottom)], np.float32)

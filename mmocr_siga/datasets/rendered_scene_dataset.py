"""Scenes drawn while training, without a file on disk."""
from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable

from mmocr.registry import DATASETS

from .rendered_dataset import RenderedDataset

if TYPE_CHECKING:
    from ..rendering import RenderStyle, SceneRenderer, WordRenderer


@DATASETS.register_module()
class RenderedSceneDataset(RenderedDataset):
    """Rendered words in perspective on photographs, with exact polygons and texts, without end.

    In the place of SynthText for detection, spotting and pre-training: samples are those of
    ``ICDARSceneDataset`` with the picture, ``img``, loaded. See :class:`.SceneRenderer` for what is
    drawn, and :class:`.RenderedDataset` for what a sample depends on.

    Args:
        length: Number of scenes in an epoch; with more than a training sees it can be resumed
            exactly.
        size: Width and height of the scenes.
        signs, cap_height: See :class:`~mmocr_siga.rendering.SceneRenderer`.
        preset, difficulty, fonts, options: Recipe, style, fonts and further arguments of
            :func:`~mmocr_siga.rendering.build_renderer`, which may fail: ``backgrounds``, a
            folder of photographs without writing, ``lexicon``, ``charset``.
        lazy_init: Whether to search faces and words only when they are needed.
    """

    kind = 'scenes'

    def __init__(self, length: int = 1_000_000, size: tuple[int, int] = (640, 640),
                 signs: tuple[int, int] = (1, 6), cap_height: tuple[float, float] = (10.0, 56.0),
                 preset: str = 'mj_st_like', difficulty: str | RenderStyle | None = None, *,
                 fonts: str | Sequence[str] | None = None, seed: int = 0,
                 pipeline: Sequence[dict | Callable] | None = None, metainfo: dict | None = None,
                 lazy_init: bool = False, **options: Any) -> None:
        self._scene = dict(size=tuple(size), signs=tuple(signs), cap_height=tuple(cap_height))
        super().__init__(length, preset, difficulty, fonts, seed, pipeline, metainfo, lazy_init,
                         options)

    def _renderer(self, words: WordRenderer) -> SceneRenderer:
        from ..rendering import SceneRenderer
        return SceneRenderer(words, **self._scene)

    def _info(self, idx: int, visit: int) -> dict:
        scene = self.renderer.render((self.seed, self.rank, visit, idx))
        shape = scene.image.shape[:2]
        instances = [dict(polygon=polygon.ravel().tolist(), text=text, ignore=False, bbox_label=0,
                          bbox=[*polygon.min(0).tolist(), *polygon.max(0).tolist()])
                     for polygon, text in zip(scene.polygons, scene.texts)]
        return dict(img=scene.image, img_path=f'rendered scene {idx} of round {visit}',
                    img_shape=shape, ori_shape=shape, height=shape[0], width=shape[1],
                    instances=instances, sample_idx=idx)

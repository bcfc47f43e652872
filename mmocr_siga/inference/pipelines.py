"""From a picture to a network's input, under the scope of MMOCR's registries."""
from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

__all__ = ['mmocr_scope', 'packed', 'picture_pipeline']

_SCOPE = DefaultScope('mmocr_siga', 'mmocr')
_scope_lock = threading.RLock()


def picture_pipeline(cfg: Any) -> Compose:
    """A config's test pipeline for pictures without a label; see :func:`packed`."""
    transforms = [dict(step, type='InferencerLoader') if step['type'] == 'LoadImageFromFile'
                  else step for step in cfg.test_dataloader.dataset.pipeline
                  if step['type'] != 'LoadOCRAnnotations']
    with mmocr_scope():
        return Compose(transforms)


def packed(pipeline: Compose, image: str | np.ndarray) -> dict[str, Any]:
    """Run a path or a BGR array (H, W, 3) through a pipeline: its inputs and data_samples."""
    with mmocr_scope():
        return pipeline(dict(img_path=image) if isinstance(image, str) else dict(img=image))


@contextmanager
def mmocr_scope() -> Iterator[None]:
    """The scope of MMOCR's registries, for one thread at a time.

    MMEngine's scope is a global that threads would undo for each other; and transforms that build
    others as they run, such as ``RescaleToHeight``, keep those where threads would exchange them.
    """
    # As DefaultScope.overwrite_default_scope, which sleeps each time for a name of its own.
    with _scope_lock:
        outer = DefaultScope._instance_dict
        inner = OrderedDict(outer, mmocr_siga=_SCOPE)
        inner.move_to_end('mmocr_siga')  # the last one counts
        DefaultScope._instance_dict = inner
        try:
            yield
        finally:
            DefaultScope._instance_dict = outer

"""Models that come with the package.

A packaged model is four files in ``mmocr_siga/weights/``: ``<name>.py``, a config with the
recognizer without its training head and the test pipeline; ``<name>.pth``, its weights, which hold
tensors alone; ``<name>.onnx``, its graph for onnxruntime, which refers to those weights; and
``<name>.json``, the model card: characters, input size, size and sha256 of weights and graph, which
are compared whenever they are loaded, and where they come from. Where a model reads other
characters than those of the dictionaries shipped, ``<name>.txt`` lists them.
``tools/checkpoints/pack_weights.py`` writes all of them. Without its graph, as a detector or a
model packed by an earlier version, a model reads by PyTorch.
"""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..compat.configs import read_config

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'DEFAULT_MODEL', 'EDITOR_MODEL', 'WEIGHTS_FOLDER', 'PackagedModel', 'config_and_weights',
    'find_packaged', 'packaged_in', 'packaged_models', 'packaged_of'
]

DEFAULT_MODEL = 'siga_lcnet_words'
EDITOR_MODEL = 'disentangled_words'  # which rewrites words; it may not be there
WEIGHTS_FOLDER = Path(__file__).resolve().parents[1] / 'weights'


class PackagedModel(NamedTuple):
    """Files of a packaged model, whether they are there or not."""
    config: Path
    weights: Path
    card_file: Path
    graph: Path

    @property
    def card(self) -> dict[str, Any]:
        return json.loads(self.card_file.read_text(encoding='utf-8'))


def packaged_in(folder: str | os.PathLike, name: str) -> PackagedModel:
    return PackagedModel(*(Path(folder) / f'{name}{suffix}'
                           for suffix in ('.py', '.pth', '.json', '.onnx')))


def packaged_models(folder: str | os.PathLike | None = None) -> list[str]:
    """Names of the models in a folder (the package's) that are there with weights, sorted."""
    folder = Path(folder or WEIGHTS_FOLDER)
    return sorted(path.stem for path in folder.glob('*.json')
                  if all(file.is_file() for file in packaged_in(folder, path.stem)[:3]))


def find_packaged(name: str, folder: str | os.PathLike | None = None) -> PackagedModel:
    """Find a packaged model in a folder, or in the package; a FileNotFoundError says what is there
    and how to get others."""
    folder = folder or WEIGHTS_FOLDER
    there, model = packaged_models(folder), packaged_in(folder, name)
    if name in there:
        return model
    ways = ('Install a release of mmocr_siga, which carries them; or put the files that '
            f'tools/checkpoints/pack_weights.py makes of a checkpoint into {folder}; or give a '
            'config and weights of your own: model=CONFIG, weights=CHECKPOINT.')
    known = f' (there are: {", ".join(there)})' if there else ''
    what = (f'the weights of the model {name!r} are not in this installation'
            if name in (DEFAULT_MODEL, EDITOR_MODEL) or model.config.is_file() else
            f'{name!r} is neither the path of a config nor the name of a packaged model')
    raise FileNotFoundError(f'{what}{known}. {ways}')


def packaged_of(model: str | os.PathLike | Config) -> PackagedModel | None:
    """The packaged model of a name, or of the path of its config in any folder; None for another
    config.

    Raises:
        FileNotFoundError: If there is no such model or config.
    """
    if not isinstance(model, (str, os.PathLike)):
        return None
    path = Path(model)
    if path.is_file():
        known = path.stem in packaged_models(path.parent)
        return packaged_in(path.parent, path.stem) if known else None
    if path.suffix in ('.py', '.json', '.yaml', '.yml'):
        raise FileNotFoundError(f'there is no config at {os.fspath(model)!r}')
    return find_packaged(os.fspath(model))


def config_and_weights(model: str | os.PathLike | Config, weights: str | os.PathLike | None
                       ) -> tuple[Config, str | os.PathLike, bool]:
    """What a model is built from, and whether that is a packaged model with its own weights.

    ``model`` is the name of a packaged model, its config in any folder, another config or its path;
    with other configs weights are needed.

    Raises:
        FileNotFoundError: If there is no such model or config.
        ValueError: If weights are needed.
    """
    packaged = packaged_of(model)
    if packaged is not None:
        return read_config(packaged.config), weights or packaged.weights, weights is None
    is_path = isinstance(model, (str, os.PathLike))
    if weights is None:
        what = os.fspath(model) if is_path else 'a config'
        raise ValueError(f'{what} needs weights: give a checkpoint that was trained with it')
    return read_config(model) if is_path else model, weights, False

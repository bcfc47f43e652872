"""Models that come with the package.

A packaged model is three files in ``mmocr_siga/weights/``: ``<name>.py``, a config with the
recognizer without its training head and the test pipeline; ``<name>.pth``, its weights, which hold
tensors alone; and ``<name>.json``, the model card: characters, input size, size and sha256 of the
weights, which is compared whenever they are loaded, and where they come from. Where a model reads
other characters than those of the dictionaries shipped, ``<name>.txt`` lists them.
``tools/checkpoints/pack_weights.py`` writes all of them.
"""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from ..compat.configs import read_config

__all__ = [
    'DEFAULT_MODEL', 'WEIGHTS_FOLDER', 'PackagedModel', 'config_and_weights', 'find_packaged',
    'packaged_in', 'packaged_models'
]

DEFAULT_MODEL = 'siga_tiny_words'
WEIGHTS_FOLDER = Path(__file__).resolve().parents[1] / 'weights'


class PackagedModel(NamedTuple):
    """Files of a packaged model, whether they are there or not."""
    config: Path
    weights: Path
    card_file: Path

    @property
    def card(self) -> dict[str, Any]:
        return json.loads(self.card_file.read_text(encoding='utf-8'))


def packaged_in(folder: str | os.PathLike, name: str) -> PackagedModel:
    return PackagedModel(*(Path(folder) / f'{name}{suffix}'
                           for suffix in ('.py', '.pth', '.json')))


def packaged_models(folder: str | os.PathLike | None = None) -> list[str]:
    """Names of the models in a folder (the package's) that are there with weights, sorted."""
    folder = Path(folder or WEIGHTS_FOLDER)
    return sorted(path.stem for path in folder.glob('*.json')
                  if all(file.is_file() for file in packaged_in(folder, path.stem)))


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
            if name == DEFAULT_MODEL or model.config.is_file() else
            f'{name!r} is neither the path of a config nor the name of a packaged model')
    raise FileNotFoundError(f'{what}{known}. {ways}')


def config_and_weights(model: str | os.PathLike | Config, weights: str | os.PathLike | None
                       ) -> tuple[Config, str | os.PathLike, bool]:
    """What a model is built from, and whether that is a packaged model with its own weights.

    ``model`` is the name of a packaged model, its config in any folder, another config or its path;
    with other configs weights are needed.

    Raises:
        FileNotFoundError: If there is no such model or config.
        ValueError: If weights are needed.
    """
    is_config = isinstance(model, Config)
    path = Path('a config' if is_config else model)
    packaged = None
    if not is_config and not path.is_file():
        if path.suffix in ('.py', '.json', '.yaml', '.yml'):
            raise FileNotFoundError(f'there is no config at {os.fspath(model)!r}')
        packaged = find_packaged(os.fspath(model))
    elif not is_config and weights is None and path.stem in packaged_models(path.parent):
        packaged = packaged_in(path.parent, path.stem)
    if packaged is not None:
        return read_config(packaged.config), weights or packaged.weights, weights is None
    if weights is None:
        raise ValueError(f'{path} needs weights: give a checkpoint that was trained with it')
    return model if is_config else read_config(path), weights, False

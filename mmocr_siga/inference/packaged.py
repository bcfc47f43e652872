"""Models that come with the package.

A packaged model is three files in ``mmocr_siga/weights/``: ``<name>.py``, a config with the
recogniser without its training head and the test pipeline; ``<name>.pth``, its weights, which hold
tensors alone; and ``<name>.json``, the model card: characters, input size, size and sha256 of the
weights, and where they come from. Where a model reads other characters than those of the
dictionaries shipped, ``<name>.txt`` lists them. ``tools/checkpoints/pack_weights.py`` writes all of
them.
"""
from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

__all__ = [
    'DEFAULT_MODEL', 'WEIGHTS_FOLDER', 'PackagedModel', 'find_packaged', 'packaged_config',
    'packaged_in', 'packaged_models', 'sha256_of'
]

DEFAULT_MODEL = 'siga_tiny_words'
WEIGHTS_FOLDER = Path(__file__).resolve().parents[1] / 'weights'


class PackagedModel(NamedTuple):
    """Files of a packaged model.

    Attributes:
        name (str): Its name.
        config (Path): The config.
        weights (Path): The weights.
        card_file (Path): The model card.
    """
    name: str
    config: Path
    weights: Path
    card_file: Path

    @property
    def card(self) -> dict[str, Any]:
        """Content of the model card."""
        return json.loads(self.card_file.read_text(encoding='utf-8'))


def packaged_in(folder: str | os.PathLike, name: str) -> PackagedModel:
    """The files of a model in a folder, whether they are there or not."""
    return PackagedModel(name, *(Path(folder) / f'{name}{suffix}'
                                 for suffix in ('.py', '.pth', '.json')))


def packaged_models(folder: str | os.PathLike | None = None) -> list[str]:
    """Names of the models that are there with their weights, sorted.

    Args:
        folder (str or PathLike, optional): Where to look. Defaults to None: in the package.
    """
    folder = WEIGHTS_FOLDER if folder is None else Path(folder)
    return sorted(path.stem for path in folder.glob('*.json')
                  if all(file.is_file() for file in packaged_in(folder, path.stem)[1:]))


def find_packaged(name: str, folder: str | os.PathLike | None = None) -> PackagedModel:
    """Find a packaged model.

    Args:
        name (str): Its name.
        folder (str or PathLike, optional): Where to look. Defaults to None: in the package.

    Returns:
        PackagedModel: Its files.

    Raises:
        FileNotFoundError: If there is no such model, or its weights are missing; says what is
            there, and how to get them.
    """
    there = packaged_models(folder)
    folder = WEIGHTS_FOLDER if folder is None else Path(folder)
    model = packaged_in(folder, name)
    if name in there:
        return model
    ways = ('Install a release of mmocr_siga, which carries them; or put the files that '
            f'tools/checkpoints/pack_weights.py makes of a checkpoint into {folder}; or give a config '
            'and weights of your own: model=CONFIG, weights=CHECKPOINT.')
    known = f' (there are: {", ".join(there)})' if there else ''
    if name == DEFAULT_MODEL or model.config.is_file():
        raise FileNotFoundError(
            f'the weights of the model {name!r} are not in this installation{known}. {ways}')
    raise FileNotFoundError(f'{name!r} is neither the path of a config nor the name of a packaged '
                            f'model{known}. {ways}')


def packaged_config(model: PackagedModel) -> Config:
    """Config of a packaged model, with its dictionary found.

    Args:
        model (PackagedModel): The model.

    Returns:
        Config: With ``model`` and ``test_dataloader.dataset.pipeline``.

    Raises:
        ValueError: If the weights are not those that the card is of: damaged, or exchanged.
    """
    cfg = Config.fromfile(model.config)
    expected = model.card['weights']['sha256']
    found = sha256_of(model.weights)
    if found != expected:
        raise ValueError(f'{model.weights} is damaged, or does not belong to '
                         f'{model.card_file.name}: its sha256 is {found[:12]}..., not '
                         f'{expected[:12]}...')
    dictionary = cfg.model.decoder.dictionary
    own = model.config.parent / dictionary.dict_file
    if own.suffix == '.txt' and own.stem == model.name and own.is_file():
        dictionary.dict_file = str(own)
    return cfg


def sha256_of(path: str | os.PathLike) -> str:
    """Hexadecimal sha256 of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()

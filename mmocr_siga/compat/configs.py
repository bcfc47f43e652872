"""Configs and packaged models by name, for MMEngine, wherever the package is installed.

An installed package carries its configs in ``.mim``, as those of OpenMMLab do; a clone, also where
it is installed in place, has them beside the package.
"""
from __future__ import annotations

import os
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mmengine.config import Config

PACKAGE = Path(__file__).resolve().parents[1]
PREFIX = f'{PACKAGE.name}::'


def config_root() -> Path:
    """Folder of ``configs``, ``projects`` and ``model-index.yml``."""
    installed = PACKAGE / '.mim'
    return installed if installed.is_dir() else PACKAGE.parent


def find_config(name: str) -> Path:
    """Path of a config, by its path below ``configs`` or by the name of its file alone.

    ``siga_r31``, ``siga_r31.py`` and ``plugins/sar_glyph`` are in ``configs``; ``sar_glyph``,
    ``siga_s`` (of ``projects``) and ``siga_tiny_words`` (a packaged model) are names of files.

    Raises:
        FileNotFoundError: If there is none of that name, or more than one.
    """
    root, file = config_root(), name if name.endswith('.py') else f'{name}.py'
    exact, found = root / 'configs' / file, []
    if exact.is_file():
        return exact
    if not Path(file).is_absolute():
        found = [path for folder in (root / 'configs', root / 'projects', PACKAGE / 'weights')
                 for path in sorted(folder.rglob(file))]
    if len(found) == 1:
        return found[0]
    among = ', '.join(map(str, found)) or f'none in {root}'
    raise FileNotFoundError(f'{PACKAGE.name} has no config {name!r} of its own ({among})')


def read_config(path: str | os.PathLike[str]) -> Config:
    """A config of a model; a ValueError if its file cannot be run, or describes none."""
    from mmengine.config import Config
    try:
        config = Config.fromfile(path)
    except OSError:
        raise
    except Exception as error:  # it is a program
        raise ValueError(f'{path} cannot be read as a config: {type(error).__name__}: '
                         f'{error}') from error
    if 'model' not in config:
        raise ValueError(f'{path} describes no model')
    return config


def weights_of(config: Path) -> str | None:
    """Path of the weights that the package has for a config, None where it has none."""
    weights = config.with_suffix('.pth')
    return str(weights) if config.parent == PACKAGE / 'weights' and weights.is_file() else None


def configs_in_bases(module: ModuleType) -> None:
    """``_base_ = 'mmocr_siga::siga_r31.py'``."""
    original = module.Config._get_cfg_path

    @wraps(original)
    def get_cfg_path(cfg_path: str, filename: str) -> tuple[str, str | None]:
        if cfg_path.startswith(PREFIX):
            # No scope of its own: components are in MMOCR's registries.
            return str(find_config(cfg_path[len(PREFIX):])), None
        return original(cfg_path, filename)

    module.Config._get_cfg_path = staticmethod(get_cfg_path)


def configs_in_hub(module: ModuleType) -> None:
    """``mmengine.hub.get_config('mmocr_siga::siga_r31.py')``."""
    original = module.get_config

    @wraps(original)
    def get_config(cfg_path: str, pretrained: bool = False) -> Any:
        if not cfg_path.startswith(PREFIX):
            return original(cfg_path, pretrained)
        path = find_config(cfg_path[len(PREFIX):])
        config, weights = module.Config.fromfile(path), weights_of(path)
        if pretrained:
            if weights is None:
                raise FileNotFoundError(f'{PACKAGE.name} carries no weights of {path.stem}')
            config.model_path = weights
        return config

    module.get_config = get_config


def configs_formatted_once(module: ModuleType) -> None:
    """A config is written several times where a training starts, and into every checkpoint."""
    format_code = module.FormatCode
    last: dict[str, Any] = {}

    @wraps(format_code)
    def format_once(text: str, **options: Any) -> Any:
        if text not in last:
            formatted = format_code(text, **options)
            last.clear()
            last[text] = formatted
        return last[text]

    module.FormatCode = format_once


def models_in_inferencers(module: ModuleType) -> None:
    """``MMOCRInferencer(rec='siga_tiny_words')``; configs of ours by name, with weights given."""
    original = module.BaseInferencer._load_model_from_metafile

    @wraps(original)
    def load_model(self: Any, model: str) -> tuple[Any, str | None]:
        try:
            path = find_config(model)
        except FileNotFoundError:
            return original(self, model)
        return module.Config.fromfile(path), weights_of(path)

    module.BaseInferencer._load_model_from_metafile = load_model

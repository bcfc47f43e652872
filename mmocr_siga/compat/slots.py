"""What is put into the wrong place of a model's config is named, with the place it belongs to.

MMOCR builds whatever stands in a place, and hands it what belongs there: the error, of an argument
or of a shape, comes later and says something else.
"""
from __future__ import annotations

import inspect
from functools import partial
from types import ModuleType
from typing import Any

PACKAGE = __package__.split('.')[0]
# The folder of models/ whose classes stand under a name in configs.
FOLDERS = dict(backbone='backbones', neck='necks', encoder='encoders', decoder='decoders',
               preprocessor='preprocessors', data_preprocessor='data_preprocessors',
               module_loss='losses', glyph_head='heads', plugins='plugins')
SLOTS = {folder: slot for slot, folder in FOLDERS.items()}


def explain_slots(registry: ModuleType) -> None:
    """Check configs before MMOCR's registry of models, and MMEngine's, build of them."""
    for models in (registry.MODELS, registry.MODELS.parent):
        models.build_func = partial(_build, registry.MODELS, models.build_func)


def _build(models: Any, build: Any, cfg: Any, *args: Any, **kwargs: Any) -> Any:
    if isinstance(cfg, dict):
        check_places(models, cfg)
        if not args and not kwargs.get('default_args'):
            check_arguments(models, cfg)
    return build(cfg, *args, **kwargs)


def check_places(models: Any, cfg: dict) -> None:
    """A ValueError if in a config stands a component of this package that belongs elsewhere."""
    cls, name = _class(models, cfg), _name(cfg)
    for slot in FOLDERS:
        value = cfg.get(slot)
        if slot == 'plugins' and isinstance(value, dict):
            _check_plugins(cls, name, value)
        for part in _parts(slot, value):
            folder = _folder(_class(models, part))
            if SLOTS.get(folder, slot) != slot:
                raise ValueError(f'{slot}={_shown(part)} in the config of {name}: {_name(part)} is '
                                 f'no {_spoken(slot)}. {_home(folder, _name(part))}')


def check_arguments(models: Any, cfg: dict) -> None:
    """A TypeError if a component of this package does not take, or lacks, an argument."""
    cls, name = _class(models, cfg), _name(cfg)
    folder = _folder(cls)
    if folder is None:
        return
    try:
        inspect.signature(cls).bind(**{key: value for key, value in cfg.items()
                                       if key not in ('type', '_scope_')})
    except TypeError as error:
        takes = ', '.join(inspect.signature(cls).parameters)
        raise TypeError(f'{name}: {error}. It takes {takes}. {_home(folder, name)}') from None


def _parts(slot: str, value: Any) -> list[dict]:
    parts = list(value.values()) if slot == 'plugins' and isinstance(value, dict) else [value]
    return [part for part in parts if isinstance(part, dict) and 'type' in part]


def _check_plugins(cls: Any, name: str, plugins: dict) -> None:
    if isinstance(plugins.get('type'), (str, type)):
        raise ValueError(f'plugins={_shown(plugins)} in the config of {name} has no name: write '
                         f'plugins=dict(name={_shown(plugins)})')
    if cls is not None and 'plugins' not in inspect.signature(cls).parameters:
        raise ValueError(f'{name} takes no plugins: use the type PluggedRecognizer in the place of '
                         'recognizers of MMOCR, PluggedGlyphRecognizer in that of GlyphRecognizer')


def _class(models: Any, cfg: dict) -> Any:
    kind = cfg.get('type')
    return models.get(kind) if isinstance(kind, str) else kind


def _folder(cls: Any) -> str | None:
    """The folder of models/ that a class of this package is in; None for all others."""
    path = getattr(cls, '__module__', '').split('.')
    return path[2] if path[:2] == [PACKAGE, 'models'] and inspect.isclass(cls) else None


def _name(cfg: dict) -> str:
    kind = cfg.get('type')
    return getattr(kind, '__name__', str(kind))


def _shown(cfg: dict) -> str:
    return f"dict(type='{_name(cfg)}'{', ...' if len(cfg) > 1 else ''})"


def _spoken(slot: str) -> str:
    return {'plugins': 'plug-in', 'module_loss': 'loss of a decoder'}.get(
        slot, slot.replace('_', ' '))


def _home(folder: str | None, name: str) -> str:
    """Where a class of this package belongs."""
    if folder == 'plugins':
        return (f"It is a plug-in: give a PluggedRecognizer plugins=dict(name=dict(type='{name}', "
                '...))')
    if folder == 'losses':
        return ('It is a loss: as module_loss of a decoder it gets the dictionary of the decoder, '
                'others are parts of GlyphHead')
    slot = SLOTS.get(folder)
    return f"It belongs into {slot}=dict(type='{name}', ...)" if slot else ''

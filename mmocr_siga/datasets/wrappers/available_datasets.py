"""Several data sets as one, each with a name, of which some may be missing."""
from __future__ import annotations

import logging
import os.path as osp
from collections.abc import Mapping, Sequence
from typing import Any, Callable

from mmengine import fileio
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmocr.datasets import ConcatDataset
from mmocr.registry import DATASETS

MISSING = ('error', 'skip')


def source_of(config: Mapping) -> str | None:
    """Annotation file or database that a config names, joined as MMEngine does; None for none."""
    path, root = config.get('ann_file') or None, config.get('data_root')
    relative = path and root and not (osp.isabs(path) or '://' in path)
    return osp.join(root, path) if relative else path


def missing_sources(config: Mapping) -> list[str]:
    """Files and databases that a config of a data set, or of a wrapper, needs and that are missing.
    """
    inner = config.get('datasets', config.get('dataset'))
    if isinstance(inner, Mapping):
        # One data set, or several by their names.
        inner = [inner] if 'type' in inner else list(inner.values())
    if inner is not None:
        lost = [missing_sources(child) if isinstance(child, Mapping) else [] for child in inner]
        if config.get('missing') == 'skip' and not all(lost):
            return []
        return [path for paths in lost for path in paths]
    path = source_of(config)
    if path is None:
        return []
    wanted = path
    if 'LMDB' in str(config.get('type')) and osp.isdir(path):
        # What is left of a copy that was interrupted may be a folder without a database.
        wanted = osp.join(path, 'data.mdb')
    return [] if fileio.exists(wanted, config.get('backend_args')) else [path]


class NoDatasetError(FileNotFoundError):
    """Data sets may be missing, but all of them are."""


@DATASETS.register_module()
class AvailableDatasets(ConcatDataset):
    """``ConcatDataset`` with names, which can do without the sets that are missing.

    A set is missing if its annotation file or database is, a wrapper such as ``ConcatDataset`` if
    any of its members is, or with ``missing='skip'`` all. One that is there but cannot be read is
    an error always, and so is it if no set is there at all. ``metainfo`` holds the names of the
    sets in use as ``dataset_names`` and their places among those asked for as ``dataset_kept``, by
    which ``NamedDatasetsEvaluator`` stays in step.

    Args:
        datasets: Configs of the data sets, by their names or in a list.
        missing: ``'error'``, a FileNotFoundError that names all that are missing, or ``'skip'`` to
            use what is there and log what is not.
        options: Other arguments of ``ConcatDataset``; ``verify_meta`` is False by default.
    """

    def __init__(self, datasets: Mapping[str, dict] | Sequence[dict],
                 pipeline: Sequence[dict | Callable] | None = None, missing: str = 'error',
                 **options: Any) -> None:
        if missing not in MISSING:
            raise ValueError(f'missing must be one of {MISSING}, but is {missing!r}')
        names, members = _named(datasets)
        lost = {i: paths for i, member in enumerate(members)
                if isinstance(member, Mapping) and (paths := missing_sources(member))}
        kept = [i for i in range(len(members)) if i not in lost]
        if lost:
            self._report(names, lost, missing)
        super().__init__([members[i] for i in kept], pipeline=list(pipeline or []),
                         **{'verify_meta': False, **options})
        self._metainfo.update(dataset_kept=kept, dataset_asked=len(members))
        if isinstance(datasets, Mapping):
            self._metainfo['dataset_names'] = [names[i] for i in kept]

    @staticmethod
    def _report(names: list[str], lost: dict[int, list[str]], missing: str) -> None:
        listed = '\n'.join(f'  {names[i]}: no {" and no ".join(map(repr, paths))}'
                           for i, paths in lost.items())
        text = f'{len(lost)} of {len(names)} data sets are missing:\n{listed}'
        if missing == 'error':
            raise FileNotFoundError(
                f"{text}\nCheck the data root, or use what is there with missing='skip'")
        if len(lost) == len(names):
            raise NoDatasetError(f'no data set is there. {text}\nCheck the data root')
        print_log(f'{text}\nThey are skipped; in use: '
                  f'{", ".join(name for i, name in enumerate(names) if i not in lost)}',
                  logger='current', level=logging.WARNING)


def _named(datasets: Any) -> tuple[list[str], list[Any]]:
    """Names, made up from the sources where there are none, and configs."""
    if isinstance(datasets, Mapping) and 'type' not in datasets:
        names, members = list(datasets), list(datasets.values())
    elif isinstance(datasets, Sequence) and not isinstance(datasets, str):
        members = list(datasets)
        names = [f'{member.get("type")}({source_of(member) or ""})'
                 if isinstance(member, Mapping) else type(member).__name__ for member in members]
    else:
        raise TypeError('datasets must be a list, or a dict of names and configs, but is '
                        f'{datasets!r}')
    if not members:
        raise ValueError('datasets is empty: name at least one data set')
    for name, member in zip(names, members):
        if not isinstance(member, (Mapping, BaseDataset)):
            raise TypeError(f'data set {name}: expected a config, but got {member!r}')
    return names, members

"""What the transforms of this package share."""
from __future__ import annotations

from typing import Any

from mmcv.transforms import BaseTransform


class WordTransform(BaseTransform):
    """A transform that shows its options where a pipeline is printed."""

    def __repr__(self) -> str:
        options = ', '.join(f'{name}={value!r}' for name, value in vars(self).items())
        return f'{type(self).__name__}({options})'


def sample_name(results: dict) -> str:
    """A sample in a message: its path, its key in a database, its number, or 'an array'."""
    for key in ('img_path', 'img_key'):
        if results.get(key):
            return str(results[key])
    return f'sample {results["sample_idx"]}' if 'sample_idx' in results else 'an array'


def check_arguments(*rules: tuple[str, Any, bool, str]) -> None:
    """Raise a ValueError for the first name and value that is not what it must."""
    for name, value, holds, wanted in rules:
        if not holds:
            raise ValueError(f'{name} must {wanted}, but is {value}')

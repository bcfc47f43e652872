"""What the transforms of this package share."""
from __future__ import annotations

from mmcv.transforms import BaseTransform

__all__ = ['WordTransform', 'sample_name']


class WordTransform(BaseTransform):
    """A transform that shows its options where a pipeline is printed."""

    def __repr__(self) -> str:
        options = ', '.join(f'{name}={value!r}' for name, value in vars(self).items())
        return f'{type(self).__name__}({options})'


def sample_name(results: dict) -> str:
    """What to call a sample, of a data set or a pipeline, in a message.

    Path of the image, else its key in a database, else its number, else ``'an array'``.
    """
    for key in ('img_path', 'img_key'):
        if results.get(key):
            return str(results[key])
    return f'sample {results["sample_idx"]}' if 'sample_idx' in results else 'an array'

"""Errors that concern one sample, not the configuration."""
from __future__ import annotations

from ..images import UnusableImageError

__all__ = ['UnusableImageError', 'sample_name']


def sample_name(results: dict) -> str:
    """What to call a sample in a message.

    Args:
        results (dict): Data info of a data set, or results of a pipeline.

    Returns:
        str: Path of the image, else its key in a database, else its number, else ``'an array'``.
    """
    for key in ('img_path', 'img_key'):
        if results.get(key):
            return str(results[key])
    return f'sample {results["sample_idx"]}' if 'sample_idx' in results else 'an array'

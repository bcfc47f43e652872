"""One loader for data sets of files and for data sets that decode images themselves."""
from __future__ import annotations

from mmocr.datasets.transforms import LoadImageFromFile
from mmocr.registry import TRANSFORMS

from ...images import UnusableImageError
from ..formats import file_backend  # noqa: F401, registers the backend
from .base import sample_name


@TRANSFORMS.register_module()
class LoadWordImage(LoadImageFromFile):
    """Load a word image from a file, or take the one a data set has decoded.

    A *test* pipeline needs ``LoadImageFromFile``: MMOCR's inferencers look for that name.

    Reads ``img`` or ``img_path``; sets ``img``, ``img_path`` (None if there is none), ``img_shape``
    and ``ori_shape``. Files are read by :class:`.NonEmptyBackend` unless ``backend_args`` tell
    another, and decoded by :func:`~mmocr_siga.images.decode_picture`. Every failure is an error
    that names the image: an OSError if a file is missing or cannot be decoded, an
    UnusableImageError if an image has no pixels.
    """

    def __init__(self, backend_args: dict | None = None) -> None:
        # The base class has more options, with which it returns None for an image.
        super().__init__(backend_args=backend_args or dict(backend='nonempty'))

    def transform(self, results: dict) -> dict:
        name = sample_name(results)
        if 'img' in results:
            if results['img'] is None:
                raise OSError(f'{name} cannot be decoded as an image')
            results.setdefault('img_path', None)
        elif results.get('img_path'):
            results = super().transform(results)
        else:
            raise KeyError(f'{name} has neither img nor img_path; the results hold '
                           f'{sorted(results)}')
        shape = results['img'].shape[:2]
        if min(shape, default=0) < 1:
            raise UnusableImageError(f'{name} has the size {shape[::-1]} (width, height): there is '
                                     'no pixel')
        results['img_shape'] = results['ori_shape'] = shape
        return results

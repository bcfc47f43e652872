"""Reading of image files with an error for empty ones."""
from __future__ import annotations

from mmengine import fileio
from mmengine.fileio import BaseStorageBackend, register_backend

__all__ = ['NonEmptyBackend']


class NonEmptyBackend(BaseStorageBackend):
    """Read what mmengine would read, and refuse an empty file by its name.

    MMOCR's ``LoadImageFromFile``, which test pipelines need for the sake of its inferencers,
    names files that are missing or broken; but what an interrupted copy leaves, a file of no
    bytes, makes OpenCV fail with a message about its own source. Choose this backend with
    ``backend_args=dict(backend='nonempty')``.
    """

    def get(self, filepath: str) -> bytes:
        """Content of a file.

        Args:
            filepath (str): Path or URI of any backend that its prefix tells.

        Returns:
            bytes: The content.

        Raises:
            OSError: If the file is empty, or cannot be read.
        """
        content = fileio.get(filepath)
        if not content:
            raise OSError(f'{filepath} is empty')
        return content

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        """Content of a text file, see :meth:`get`."""
        return self.get(filepath).decode(encoding)


register_backend('nonempty', NonEmptyBackend, force=True)

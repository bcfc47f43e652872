"""Reading of image files and of words in LMDB databases, with an error for empty ones."""
from __future__ import annotations

import re

from mmengine import fileio
from mmengine.fileio import BaseStorageBackend, register_backend

from .lmdb_reader import LMDBReader

_WORD = re.compile(r'(?P<database>.+):(?P<key>image-\d{9})')


class NonEmptyBackend(BaseStorageBackend):
    """Read what mmengine would read, and refuse an empty file by its name.

    What an interrupted copy leaves, a file of no bytes, makes MMOCR's ``LoadImageFromFile``, which
    test pipelines need for the sake of its inferencers, fail without its name. That loader also
    ignores images that a data set has decoded, so the names that :class:`.WordLMDBDataset` gives
    its words, ``<database>:image-000000001``, are read from the database. Choose this backend with
    ``backend_args=dict(backend='nonempty')``.
    """

    def get(self, filepath: str) -> bytes:
        """Content of a file of any backend that its prefix tells, or of a word of a database.

        An OSError if it is empty or missing, or cannot be read.
        """
        word = _WORD.fullmatch(str(filepath))
        if word:
            content, = LMDBReader(word['database']).get(word['key'])
        else:
            content = fileio.get(filepath)
        if not content:
            raise OSError(f'{filepath} is empty' if content == b'' else f'{filepath} is missing')
        return content

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)


register_backend('nonempty', NonEmptyBackend, force=True)

"""Reading of image files and of words in LMDB databases, with an OSError for every bad one."""
from __future__ import annotations

import re

from mmengine import fileio
from mmengine.fileio import BaseStorageBackend, register_backend
from mmengine.fileio.io import prefix_to_backends

from ...images import read_file
from .lmdb_reader import LMDBReader

_WORD = re.compile(r'(?P<database>.+):(?P<key>image-\d{9})')


class NonEmptyBackend(BaseStorageBackend):
    """Read what mmengine would read, and refuse an empty file by its name.

    What an interrupted copy leaves, a file of no bytes, makes MMOCR's ``LoadImageFromFile``, which
    test pipelines need for the sake of its inferencers, fail without its name; for what is no
    regular file, as a FIFO, it waits. That loader also
    ignores images that a data set has decoded, so the names that :class:`.WordLMDBDataset` gives
    its words, ``<database>:image-000000001``, are read from the database. Choose this backend with
    ``backend_args=dict(backend='nonempty')``.
    """

    def get(self, filepath: str) -> bytes:
        """Content of a regular file, of what a backend of MMEngine finds at an address
        (``s3://...``), or of a word of a database.

        An OSError if it is empty or missing, or cannot be read.
        """
        path = str(filepath)
        word = _WORD.fullmatch(path)
        try:
            if word:
                content, = LMDBReader(word['database']).get(word['key'])
            elif '://' in path and _prefix(path) in prefix_to_backends:
                content = fileio.get(path)
            else:
                content = read_file(path)
        except (OSError, ImportError):
            raise
        except Exception as error:  # those of databases and addresses are of many kinds
            raise OSError(f'{path!r} cannot be read: {error}') from error
        if not content:
            raise OSError(f'{filepath} is empty' if content == b'' else f'{filepath} is missing')
        return content

    def get_text(self, filepath: str, encoding: str = 'utf-8') -> str:
        return self.get(filepath).decode(encoding)


def _prefix(address: str) -> str:
    return address.partition('://')[0].rpartition(':')[2]  # of cluster:s3://path, too


register_backend('nonempty', NonEmptyBackend, force=True)

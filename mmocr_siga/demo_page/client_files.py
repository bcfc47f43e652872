"""Files of the page's clients: what they uploaded, and what was drawn for them."""
from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections import OrderedDict
from typing import Any, BinaryIO, NamedTuple

__all__ = ['ClientFiles']


class _File(NamedTuple):
    owner: str | None
    size: int
    born: float


class ClientFiles:
    """Files that belong to one client each, in a folder of their own.

    A path that a client sends is only ever looked up here, never opened: what is not its own and
    what does not exist is the same. Files go after ``seconds``, or when all together would have
    more than ``most`` bytes, the oldest first.
    """

    def __init__(self, most: int = 2**30, seconds: float = 3600) -> None:
        self.most, self.seconds = most, seconds
        self.folder = tempfile.mkdtemp(prefix='mmocr_siga_page_')
        self._files: OrderedDict[str, _File] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, owner: str | None, content: BinaryIO, suffix: str = '') -> str:
        """Keep a copy; None owns what is for everybody, and stays. Gives its path."""
        with self._lock:  # nothing is begun while, or after, the folder is deleted
            handle, path = tempfile.mkstemp(suffix, dir=self.folder)
            with os.fdopen(handle, 'wb') as file:
                shutil.copyfileobj(content, file)
                self._files[path] = _File(owner, file.tell(), time.monotonic())
        self.tidy()
        return path

    def find(self, owner: str, path: Any) -> str | None:
        """The path if the client may have that file."""
        file = self._files.get(path) if isinstance(path, str) else None
        return path if file is not None and file.owner in (owner, None) else None

    def tidy(self) -> None:
        """Delete what is too old or too much."""
        with self._lock:
            total = sum(file.size for file in self._files.values())
            for path, file in list(self._files.items()):
                if file.owner is None:
                    continue
                if total <= self.most and time.monotonic() - file.born < self.seconds:
                    break
                total -= file.size
                del self._files[path]
                os.remove(path)

    def close(self) -> None:
        with self._lock:
            shutil.rmtree(self.folder, ignore_errors=True)

"""A line that tells how far a tool has come."""
from __future__ import annotations

import sys
import time

__all__ = ['Progress']


class Progress:
    """Progress bar on a terminal, else a line from time to time.

    Args:
        total (int, optional): How many there are to do. Defaults to None, unknown.
        unit (str): What they are. Defaults to 'images'.
        start (int): How many were done before, which do not count for the speed. Defaults to 0.
        every (float): Seconds between lines where the output is no terminal. Defaults to 10.
    """

    def __init__(self, total: int | None = None, unit: str = 'images', start: int = 0,
                 every: float = 10.0) -> None:
        self.total, self.unit, self.start = total, unit, start
        self.done = start
        self._terminal = self.on_terminal()
        self._every = 0.2 if self._terminal else every
        self._begin = self._shown = time.monotonic()

    @staticmethod
    def on_terminal() -> bool:
        """Whether somebody watches the standard error."""
        return sys.stderr is not None and sys.stderr.isatty()

    @property
    def rate(self) -> float:
        """Done in a second since the beginning."""
        return (self.done - self.start) / max(time.monotonic() - self._begin, 1e-9)

    def text(self) -> str:
        """How far it has come."""
        if not self.total:
            return f'{self.done:,} {self.unit}, {self.rate:,.0f}/s'
        filled = 30 * self.done // self.total
        left = (self.total - self.done) / self.rate if self.rate > 0 else 0
        return (f'[{"#" * filled}{"." * (30 - filled)}] {self.done:,}/{self.total:,} {self.unit}, '
                f'{self.rate:,.0f}/s, {int(left) // 60}:{int(left) % 60:02d} left')

    def update(self, done: int) -> None:
        """Tell that ``done`` are done."""
        self.done = done
        now = time.monotonic()
        if now - self._shown >= self._every:
            self._shown = now
            self._print()

    def close(self) -> None:
        """Print the last state."""
        self._print()
        if self._terminal:
            print(file=sys.stderr)

    def _print(self) -> None:
        print(('\r' if self._terminal else '') + self.text(), end='' if self._terminal else '\n',
              file=sys.stderr, flush=True)

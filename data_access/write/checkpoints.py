"""Checkpoints of an SQLite store between the transactions of a long write, rather than at the ends of their commits."""

from typing import Final

from sqlalchemy.engine import Engine

from data_access.engine import checkpoint

LOG_PAGES: Final = 16_000
"""64 MB: a page that many transactions change is copied from the write-ahead log into the file once, not once each time."""


class Checkpoints:
    """Makes a checkpoint whenever the transactions of a long write have about filled the log.

    A checkpoint does not need the write lock, but as part of a commit it would seem to: the time that a chunk held the lock is known
    only without it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writes = 0
        self._until = 1

    def after_write(self) -> None:
        """After a transaction that left its checkpoint (`engine.leave_checkpoint`)."""
        self._writes += 1
        if self._writes >= self._until:
            pages = checkpoint(self._engine)
            # Later transactions may be larger than the first ones.
            self._until = min(max(self._writes * LOG_PAGES // max(pages, 1), 1), 2 * self._writes)
            self._writes = 0

"""The mirror of history, kept up to date while somebody reads it: one keeper a process, for all sessions."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from dashboard.shell.data.poller import Snapshot
from data_access.errors import OnHandError
from data_access.mirror.count_file import counted
from data_access.mirror.counting import Counted
from data_access.mirror.scan import Mirror
from data_access.mirror.writing import TOPICS, CaughtUp, catch_up
from data_access.queries import scorecards

LOOK_SECONDS: Final = 0.5
CATCH_UP_SECONDS: Final = 10.0  # history need not follow each event: orders of ten seconds are taken in together
FIRST_SECONDS: Final = 10.0  # how long the first view waits for a small store's mirror
_LOST: Final = (OnHandError, SQLAlchemyError, OSError)


@dataclass(frozen=True, slots=True)
class MirrorState:
    """What is known of history. `mirror` is None until it was made for the first time; `at`: the moment that it is as of.

    `counted`: what the scorecards count of it; `share`: of the store that was read, while everything is read again; `problem`: why it does
    not go on, or empty.
    """

    mirror: Mirror | None = None
    counted: Counted | None = None
    at: datetime | None = None
    share: float | None = None
    problem: str = ""


class HistoryKeeper:
    """Catches the mirror up when the versions of its topics move. `state` may be read from any thread. The engine is its own."""

    def __init__(self, engine: Engine, folder: Path, look: Callable[[], Snapshot]) -> None:
        """`look`: gives what is known of the store."""
        self.state = MirrorState()
        self._engine, self._folder, self._look = engine, folder, look
        self._stopping, self._made = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep_forever, name="onhand-history", daemon=True)

    def start(self) -> None:
        """Start keeping."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and let go of the database."""
        self._stopping.set()
        self._thread.join(timeout=30)
        self._engine.dispose()

    def ready(self) -> MirrorState:
        """The state, once the mirror is there or has taken too long for a view to wait."""
        self._made.wait(FIRST_SECONDS)
        self._made.set()  # nobody waits twice
        return self.state

    def _keep_forever(self) -> None:
        done_at, done_for, store_number = 0.0, None, 0
        while not self._stopping.is_set():
            known = self._look()
            if known.store_number != store_number:  # what is known is of another store
                self.state, done_at, done_for, store_number = MirrorState(), 0.0, None, known.store_number
            seen = {topic: known.versions[topic] for topic in (*TOPICS, "channels") if topic in known.versions}
            is_new = (seen, datetime.now(UTC).date()) != done_for
            if seen and is_new and time.monotonic() - done_at >= CATCH_UP_SECONDS:
                if self._catch_up():
                    done_for = seen, datetime.now(UTC).date()
                done_at = time.monotonic()
            self._stopping.wait(LOOK_SECONDS)

    def _catch_up(self) -> bool:
        at = datetime.now(UTC)
        try:
            done = catch_up(self._engine, self._folder, progress=self._progress)
            self.state = MirrorState(Mirror(self._folder, done.manifest), self._counted(done, at), at)
        except _LOST as error:
            known = isinstance(error, OnHandError)
            sentence = str(error) if known else f"The mirror of history cannot be made ({error.__class__.__name__}); it is tried again."
            self.state = replace(self.state, share=None, problem=sentence)
        self._made.set()
        return not self.state.problem

    def _counted(self, done: CaughtUp, at: datetime) -> Counted:
        metrics, channels = scorecards.metrics(self._engine), scorecards.zones(self._engine)
        return counted(self._folder, done, channels, metrics, at, self.state.counted)

    def _progress(self, done: int, total: int) -> None:
        self.state = replace(self.state, share=done / max(total, 1))

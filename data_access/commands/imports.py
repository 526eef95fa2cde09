"""What a person does with files: having one imported, and taking an import back.

An import is taken back locked first, then event by event in short transactions, so that it can go on after an interruption.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from data_access.domain.permissions import Permission
from data_access.engine import now_us, reading
from data_access.errors import Conflict, InvalidInput
from data_access.imports.create_master_data import release_keys
from data_access.imports.files.delimited.records import file_hash
from data_access.imports.import_run import Progress, next_size
from data_access.imports.undo.chunks import put_back, require_undoing, take_back
from data_access.imports.undo.preview import is_begun, run_of
from data_access.imports.undo.rows import RunRows, read_rows
from data_access.imports.undo.stops import stops
from data_access.schema.audit import import_run, inbox_item
from data_access.store.runs_undoing import refuse_while_undoing
from data_access.write.kernel import work
from data_access.write.unit_of_work import UnitOfWork

IMPORT: Final[Permission] = "import files"
PERMISSION: Final[Permission] = "take back imports"
FIRST_CHUNK_EVENTS: Final = 50
TARGET_SECONDS: Final = 0.05  # shorter than an import's: how long events take differs much, by what was moved since
_IDS_PER_EVENT: Final = 32
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """A file that a person wants imported: its `kind` (orders, or one of `tables.KINDS`), where it lies, the hash that it had when the
    person saw it, and the mapping, channel and location that it is imported by, as of `import_orders`.
    """

    kind: str
    path: Path
    file_hash: str
    mapping: str | None = None
    channel_id: str | None = None
    location_id: str | None = None


def allow_import(engine: Engine, request: ImportRequest, actor: str) -> None:
    """Make sure that a person may have a file imported, and that it is the one they saw, and write down that they did.

    Raises:
        Forbidden: the actor may not import files.
        InvalidInput: the file was changed since, or cannot be read.

    """
    if file_hash(request.path) != request.file_hash:
        raise InvalidInput(f"The file {request.path.name} was changed since its preview: drop it again.")
    facts = {
        "file": request.path.name,
        "kind": request.kind,
        "mapping": request.mapping,
        "channel_id": request.channel_id,
        "location_id": request.location_id,
    }
    work(engine, actor, IMPORT, lambda unit: unit.audit("import_file", ("file", request.file_hash), None, facts))


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking an import back did. `events`: rows of the file that were taken back by this call; `released`: events that waited."""

    import_run_id: int
    events: int
    released: int
    longest_lock_seconds: float


def undo_import(engine: Engine, run_id: int, actor: str, progress: Progress | None = None) -> Undone:
    """Take an import back, as if it had never been. Called again after an interruption, it goes on where it stopped.

    Events for its orders wait meanwhile, and so do other imports. Products, listings, channels and locations that it created stay.

    Raises:
        Forbidden: the actor may not take imports back.
        InvalidInput: there is no such import, or it is none that can be taken back.
        Conflict: something from another source rests on it; nothing was changed. Or another process takes it, or another import, back.
        StoreUnavailable: the database refused; what was taken back so far stays so, and the next call goes on.

    """
    return _Undoing(engine, run_id, actor, progress).run()


class _Undoing:
    """One call of `undo_import`."""

    def __init__(self, engine: Engine, run_id: int, actor: str, progress: Progress | None) -> None:
        self._engine = engine
        self._run_id = run_id
        self._actor = actor
        self._progress = progress
        self._longest_lock = 0.0

    def run(self) -> Undone:
        """All of it."""
        self._work(self._lock, 10)
        with reading(self._engine) as connection:
            rows = read_rows(connection, self._run_id)
            reasons = [] if is_begun(connection, self._run_id) else stops(connection, rows)
        if reasons:
            self._work(self._unlock, 10)
            listed = "; ".join(str(reason) for reason in reasons)
            raise Conflict(f"Import {self._run_id} cannot be taken back, for something rests on it. {listed}. Nothing was changed.")
        self._chunks(rows.overwritten, lambda unit, part: put_back(unit, self._run_id, part))
        self._take_back(rows)
        return Undone(self._run_id, rows.events.height, self._work(self._finish, 20_000), round(self._longest_lock, 3))

    def _work(self, do: Callable[[UnitOfWork], _T], ids: int) -> _T:
        def timed(unit: UnitOfWork) -> tuple[float, _T]:
            return time.perf_counter(), do(unit)

        started, result = work(self._engine, self._actor, PERMISSION, timed, rows=ids, parents=None)
        self._longest_lock = max(self._longest_lock, time.perf_counter() - started)
        return result

    def _take_back(self, rows: RunRows) -> None:
        done = 0

        def write(unit: UnitOfWork, part: Sequence[int]) -> None:
            take_back(unit, rows, part)

        for events in rows.in_turn():
            self._chunks(events, write, done, rows.events.height)
            done += len(events)

    def _chunks(
        self, items: Sequence[Any], write: Callable[[UnitOfWork, Sequence[Any]], None], done: int = 0, total: int | None = None
    ) -> None:
        """Write some items at a time, as many as fit a short transaction."""
        start, size = 0, FIRST_CHUNK_EVENTS
        while start < len(items):
            part = items[start : start + size]
            before, self._longest_lock = self._longest_lock, 0.0
            self._work(partial(_written, write, part), 2_000 + _IDS_PER_EVENT * len(part))
            held, self._longest_lock = self._longest_lock, max(before, self._longest_lock)
            start += len(part)
            size = next_size(size, len(part), held, TARGET_SECONDS)
            if self._progress is not None and total is not None:
                self._progress(done + start, total)

    def _lock(self, unit: UnitOfWork) -> None:
        """From here on, events for its orders wait, and no other import begins or goes on."""
        run = run_of(unit.connection, self._run_id)
        if run["status"] == "undoing":
            return
        refuse_while_undoing(unit.connection)
        self._set_status(unit, run["status"], "undoing")

    def _unlock(self, unit: UnitOfWork) -> None:
        run = run_of(unit.connection, self._run_id)
        self._set_status(unit, "undoing", "running" if run["finished_at"] is None else "complete")
        self._release(unit)

    def _finish(self, unit: UnitOfWork) -> int:
        """The file can come in again from here on; what waited is tried again."""
        require_undoing(unit.connection, self._run_id)
        i = inbox_item.c
        dismissed = sa.update(inbox_item).where(i.import_run_id == self._run_id, i.kind == "row", i.status == "open")
        if unit.connection.execute(dismissed.values(status="dismissed", closed_at=now_us(), version=i.version + 1)).rowcount:
            unit.touch("inbox", "item", "*")
        self._set_status(unit, "undoing", "undone")
        return self._release(unit)

    def _set_status(self, unit: UnitOfWork, before: str, after: str) -> None:
        r = import_run.c
        values = {"status": after, "undone_at": now_us() if after.startswith("undo") else None}
        changed = unit.connection.execute(sa.update(import_run).where(r.id == self._run_id, r.status == before).values(values))
        if changed.rowcount != 1:
            raise Conflict(f"Another process went on with import {self._run_id}: look at it again with `onhand import runs`.")
        unit.audit("undo_import", ("import_run", self._run_id), {"status": before}, {"status": after})

    def _release(self, unit: UnitOfWork) -> int:
        unit.flush()
        return release_keys(unit, [f"import:{self._run_id}"])


def _written(write: Callable[[UnitOfWork, Sequence[Any]], None], part: Sequence[Any], unit: UnitOfWork) -> None:
    write(unit, part)

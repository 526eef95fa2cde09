"""One import of one file: its accounting, its chunks, and how it goes on after an interruption."""

import bisect
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import leave_checkpoint, now_us, reading
from data_access.errors import Conflict, StoreReplaced
from data_access.imports.files.recipe import Recipe
from data_access.prepared import Prepared
from data_access.schema.audit import import_run
from data_access.store.runs_undoing import refuse_while_undoing
from data_access.store_file import StoreIdentity, store_of
from data_access.write.checkpoints import Checkpoints
from data_access.write.kernel import SYSTEM, work
from data_access.write.unit_of_work import UnitOfWork

FIRST_CHUNK: Final = 300
LARGEST_CHUNK: Final = 20_000
SMALLEST_CHUNK: Final = 20
TARGET_SECONDS: Final = 0.12  # of the 0.25 that a transaction may hold the write lock
OUTCOMES: Final = ("imported", "updated", "ignored", "duplicates", "left_out", "waiting", "quarantined")
"""What may become of a row: each row of a file is one of them."""

_TAKE_IN: Final = Prepared(
    sa.update(import_run)
    .where(
        import_run.c.id == sa.bindparam("b_id"),
        import_run.c.next_row == sa.bindparam("b_from"),
        import_run.c.status == sa.literal_column("'running'"),
    )
    .values(
        next_row=sa.bindparam("b_end"),
        rows_read=sa.bindparam("b_end"),
        counts=sa.bindparam("b_counts"),
        # The inbox may have moved rows of this run meanwhile.
        **{name: import_run.c[name] + sa.bindparam(f"b_{name}") for name in OUTCOMES},
    )
)
Progress = Callable[[int, int], None]
"""Called with the rows taken in so far and the rows of the file."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a file's rows: `rows_read` is the sum of the figures of `OUTCOMES`, always.

    `ignored`: changed rows that were not taken as a change; `left_out`: by a rule of the mapping; `waiting`: not yet an order.

    `counts`: how many rows were what; for orders: lines, history_lines, returns, unmatched_returns, charges, write_offs and
    assumed_openings, of the rows that were imported; joined_records and joined_lines, where records join several lines of the file.
    `resumed_at`: rows that an earlier, interrupted run had taken in. `read_as`: the file's encoding and delimiter.
    """

    import_run_id: int
    rows_read: int
    imported: int
    updated: int
    ignored: int
    duplicates: int
    left_out: int
    waiting: int
    quarantined: int
    resumed_at: int
    longest_lock_seconds: float
    read_as: str
    counts: dict[str, int]

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the further counts beside the others."""
        flat = asdict(self)
        counts: dict[str, int] = flat.pop("counts")
        return {**flat, **counts}


@dataclass(slots=True)
class Tally:
    """What became of the rows of one chunk."""

    imported: int = 0
    updated: int = 0
    ignored: int = 0
    duplicates: int = 0
    left_out: int = 0
    waiting: int = 0
    quarantined: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, rows: int = 1) -> None:
        """Count rows under a further name."""
        if rows:
            self.counts[name] = self.counts.get(name, 0) + rows

    @property
    def rows_read(self) -> int:
        """All rows of the chunk."""
        return sum(self.figures.values())

    @property
    def figures(self) -> dict[str, int]:
        """How many rows became what, by `OUTCOMES`."""
        return {name: getattr(self, name) for name in OUTCOMES}

    def add(self, other: "Tally") -> None:
        """Add another chunk's figures."""
        for name, rows in other.figures.items():
            setattr(self, name, getattr(self, name) + rows)
        for name, rows in other.counts.items():
            self.count(name, rows)


@dataclass(frozen=True, slots=True)
class ImportJob:
    """What is imported, as `import_run` names it. `joined`: the line counts of records that join several lines."""

    kind: str
    file_name: str
    file_hash: str
    mapping: str
    mapping_hash: str
    recipe: Recipe
    joined: Sequence[int] = ()


class Writer(Protocol):
    """Takes in the rows of half-open ranges of positions, one after another."""

    def prepare(self, start: int, end: int) -> None:
        """Before the chunk's transaction."""

    def write(self, unit: UnitOfWork, start: int, end: int) -> Tally:
        """In the chunk's transaction; the unit holds all parents locked, and is flushed afterwards."""

    def flushed(self, unit: UnitOfWork) -> None:
        """In the chunk's transaction, after the flush."""


@dataclass(frozen=True, slots=True)
class Workload:
    """How much work rows are, where chunks may end, and how many row ids they take.

    `ends`: positions where a chunk may end, ascending, if rows belong together; empty: anywhere.
    `walls`: positions where one must end. `extra`: for rows that are more work
    than one, the further movements that each causes, by its position.
    """

    ids_per_row: int = 32
    ends: Sequence[int] = ()
    walls: Sequence[int] = ()
    extra: Mapping[int, int] = field(default_factory=dict)

    def cost(self, start: int, end: int) -> int:
        """The work of a range of positions, in rows."""
        return end - start + sum(units for position, units in self.extra.items() if start <= position < end)

    def ids(self, start: int, end: int) -> int:
        """Row ids that a range of positions may take."""
        return (end - start) * self.ids_per_row + 3 * (self.cost(start, end) - (end - start))

    def end(self, start: int, size: int, rows: int) -> int:
        """Where a chunk of about `size` rows of work ends: one row at least."""
        end = min(start + size, rows, *self.walls[bisect.bisect_right(self.walls, start) :][:1])
        if self.extra:
            left = size
            for position in range(start, end):
                left -= 1 + self.extra.get(position, 0)
                if left < 0:
                    end = max(position, start + 1)
                    break
        if not self.ends:
            return end
        at = bisect.bisect_right(self.ends, end)
        return self.ends[at - 1] if at and self.ends[at - 1] > start else self.ends[at]


@dataclass(frozen=True, slots=True)
class FilePortion:
    """A part of a file. `start`: rows of the parts before it; `of`: rows of the file, at most."""

    start: int
    of: int


class Run:
    """A row of `import_run` and the figures it holds."""

    def __init__(self, engine: Engine, job: ImportJob) -> None:
        """Begin the import, or continue the interrupted one of the same file and mapping.

        `is_repeat`: the same file came in whole before.
        """
        self._engine = engine
        self._job = job
        self.longest_lock = 0.0
        self.total = Tally()
        self.next_row = 0
        row, self._store = work(engine, SYSTEM, None, partial(_begin, job))
        with reading(engine) as connection:
            self.is_repeat = connection.execute(_complete(job)).first() is not None
        self.id = int(row["id"])
        self._take_up(row)
        self.resumed_at = self.next_row

    def _take_up(self, row: dict[str, Any]) -> None:
        self.next_row = row["next_row"]
        self.total = Tally(**{name: row[name] for name in OUTCOMES}, counts=json.loads(row["counts"]))

    def go_through(
        self, rows: int, writer: Writer, progress: Progress | None = None, load: Workload | None = None, *, part: FilePortion | None = None
    ) -> None:
        """Write all rows from `next_row` on, in chunks that each hold the write lock for a short time.

        `part`: that the rows are of the file, where they are not all of it; positions count from its beginning.

        Raises:
            Conflict: another process imports the same file.
            StoreReplaced: another store is at the path; nothing more was taken in.
            StoreUnavailable: the database refused; what was taken in stays, and the next run goes on from there.

        """
        load, part, size = load or Workload(), part or FilePortion(0, rows), FIRST_CHUNK
        checkpoints = Checkpoints(self._engine)
        while (start := self.next_row - part.start) < rows:
            end = load.end(start, size, rows)
            writer.prepare(start, end)
            write = partial(self._write, writer, start, end)
            started, tally = work(self._engine, SYSTEM, None, write, rows=2_000 + load.ids(start, end), parents=None)
            held = time.perf_counter() - started
            self.longest_lock = max(self.longest_lock, held)
            checkpoints.after_write()
            size = next_size(size, load.cost(start, end), held)
            self.next_row = part.start + end
            self.total.add(tally)
            if progress is not None:
                progress(self.next_row, max(part.of, self.next_row))

    def _write(self, writer: Writer, start: int, end: int, unit: UnitOfWork) -> tuple[float, Tally]:
        """One chunk in its transaction; when the work began, with the lock held, and what became of the rows."""
        started = time.perf_counter()
        leave_checkpoint(unit.connection)
        refuse_while_undoing(unit.connection)
        if store_of(unit.connection) != self._store:  # whoever else writes by this engine may have heard of it first
            raise StoreReplaced("The store was replaced while the file was imported: import it again.")
        tally = writer.write(unit, start, end)
        self._account(unit.connection, tally, self.next_row + end - start)
        unit.flush()
        writer.flushed(unit)
        return started, tally

    def _account(self, connection: Connection, tally: Tally, end: int) -> None:
        """The run's figures with this chunk, in the chunk's own transaction."""
        after = Tally()
        after.add(self.total)
        after.add(tally)
        if after.rows_read != end:
            raise AssertionError(f"{after.rows_read} rows accounted for, {end} read")
        figures = {f"b_{name}": rows for name, rows in tally.figures.items()}
        counts = json.dumps(after.counts, sort_keys=True)
        changed = _TAKE_IN.run(connection, {"b_id": self.id, "b_from": self.next_row, "b_end": end, "b_counts": counts, **figures})
        if changed.rowcount != 1:
            raise Conflict("Another process is importing the same file with the same mapping: let it finish.")

    def finish(self) -> ImportResult:
        """Mark the import as complete."""
        complete = sa.update(import_run).where(import_run.c.id == self.id).values(status="complete", finished_at=now_us())
        self._take_up(
            work(self._engine, SYSTEM, None, lambda unit: dict(unit.connection.execute(complete.returning(import_run)).mappings().one()))
        )
        total = self.total
        return ImportResult(
            import_run_id=self.id,
            rows_read=total.rows_read,
            **total.figures,
            resumed_at=self.resumed_at,
            longest_lock_seconds=round(self.longest_lock, 3),
            read_as=self._job.recipe.read_as,
            counts=total.counts,
        )


def _begin(job: ImportJob, unit: UnitOfWork) -> tuple[dict[str, Any], StoreIdentity | None]:
    """The row of the interrupted import, or a new one; and the store that it is in."""
    refuse_while_undoing(unit.connection)
    interrupted = unit.connection.execute(_interrupted(job)).mappings().first()
    row = dict(interrupted) if interrupted is not None else _new_row(unit.ids.take(), job)
    if interrupted is None:
        unit.connection.execute(import_run.insert(), row)
    return row, store_of(unit.connection)


def _complete(job: ImportJob) -> sa.Select[Any]:
    """Imports of the same file by the same mapping that came to their end, and since then none of their kind was taken back.

    What another import brought may be what rows of this file repeated, so once that is gone they are new.
    """
    r, undone = import_run.c, import_run.alias("undone")
    where = (r.file_hash == job.file_hash, r.mapping_hash == job.mapping_hash, r.kind == job.kind, r.status == "complete")
    taken_back = sa.select(undone.c.id).where(undone.c.kind == r.kind, undone.c.undone_at > r.finished_at).exists()
    return sa.select(r.id).where(*where, ~taken_back).limit(1)


def _interrupted(job: ImportJob) -> sa.Select[Any]:
    where = (import_run.c.file_hash == job.file_hash, import_run.c.mapping_hash == job.mapping_hash)
    return (
        sa.select(import_run)
        .where(*where, import_run.c.kind == job.kind, import_run.c.status == "running")
        .order_by(import_run.c.id.desc())
        .limit(1)
    )


def _new_row(run_id: int, job: ImportJob) -> dict[str, Any]:
    figures = dict.fromkeys(("next_row", "rows_read", *OUTCOMES), 0)
    return {
        "id": run_id,
        "kind": job.kind,
        "file_name": job.file_name,
        "file_hash": job.file_hash,
        "mapping": job.mapping,
        "mapping_hash": job.mapping_hash,
        "status": "running",
        "started_at": now_us(),
        "recipe": job.recipe.to_json(),
        "counts": json.dumps({"joined_records": len(job.joined), "joined_lines": sum(job.joined)} if job.joined else {}),
        **figures,
    }


def next_size(size: int, cost: int, seconds: float, target: float = TARGET_SECONDS) -> int:
    """As much work as fits the target, by the pace of the last chunk; at most 1.5 times as much as before."""
    fitting = int(cost * target / max(seconds, 1e-6))
    return max(min(fitting, size * 3 // 2, LARGEST_CHUNK), SMALLEST_CHUNK)

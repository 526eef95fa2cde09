"""Whether the mirror says what the store says, row by row."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
from sqlalchemy.engine import Engine

from data_access.domain.facts import FACTS, KEYS
from data_access.engine import reading
from data_access.mirror.count_file import kept as kept_count
from data_access.mirror.counting import Counted, miscounted, missent
from data_access.mirror.manifest import VERIFYING, Part, load, one_writer
from data_access.mirror.scan import rows_of
from data_access.mirror.writing import Progress, catch_up_in, id_of_store

MAX_ROWS: Final = 100


@dataclass(frozen=True, slots=True)
class MirrorReport:
    """`differences` in all; `rows` and `day_cells`: how many were compared; `first_differences`: fact, month, key and how."""

    differences: int
    rows: int
    day_cells: int
    first_differences: list[dict[str, Any]]


def verify_mirror(engine: Engine, folder: Path, progress: Progress = lambda _done, _total: None) -> MirrorReport | None:
    """Catch up, read the store again beside, and compare; the day cells that are kept are counted again, and compared too.

    The mirror is left as caught up. None if the store was never mirrored there.

    Raises:
        OnHandError, StoreUnavailable: the store or the folder cannot be used.

    """
    before = load(folder)
    if before is None:
        return None
    beside = folder / VERIFYING
    with one_writer(folder), reading(engine) as connection:
        if id_of_store(connection) != before.store_id:
            return None
        kept = catch_up_in(connection, folder, before.store_id).manifest
        with _emptied(beside):
            made = catch_up_in(connection, beside, before.store_id, progress=progress).manifest
            differences = rows = 0
            first_differences: list[dict[str, Any]] = []
            for fact in FACTS:
                for month in sorted({*kept.parts[fact], *made.parts[fact]}):
                    mirrored = rows_of(folder, fact, kept.parts[fact].get(month, Part()))
                    stored = rows_of(beside, fact, made.parts[fact].get(month, Part()))
                    rows += stored.height
                    differing = [{"fact": fact, "month": month, **one} for one in _compare(fact, mirrored, stored)]
                    differences += len(differing)
                    first_differences += differing[: MAX_ROWS - len(first_differences)]
        last = kept_count(folder)
        cells = [] if last is None else _miscounted(last)
        first_differences += cells[: MAX_ROWS - len(first_differences)]
        return MirrorReport(differences + len(cells), rows, 0 if last is None else last.tally.height, first_differences)


def _miscounted(last: Counted) -> list[dict[str, Any]]:
    wrong = miscounted(last).sort("channel_id", "kind", "day", "outcome", "reason")
    ever = missent(last).sort("channel_id", "evidence")
    cells = [
        {
            "fact": "day cell",
            "month": row["day"].strftime("%Y-%m"),
            "key": f"{row['channel_id']} {row['kind']} {row['day']} {row['reason'] or row['outcome']}",
            "what": f"should be {row['n']:+}",
        }
        for row in wrong.iter_rows(named=True)
    ]
    return cells + [
        {"fact": "sent ever", "month": "all", "key": f"{row['channel_id']} {row['evidence']}", "what": f"should be {row['n']:+}"}
        for row in ever.iter_rows(named=True)
    ]


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _compare(fact: str, mirrored: pl.DataFrame, stored: pl.DataFrame) -> list[dict[str, Any]]:
    key = KEYS[fact]
    if mirrored.sort(key).equals(stored.sort(key)):
        return []
    names = FACTS[fact].names()
    only_mirrored = mirrored.join(stored, on=names, how="anti", nulls_equal=True).select(key)
    only_stored = stored.join(mirrored, on=names, how="anti", nulls_equal=True).select(key)
    both = only_mirrored.join(only_stored, on=key, how="full", coalesce=True)
    described = both.with_columns(
        mirrored=pl.col(key).is_in(only_mirrored[key].to_list()), stored=pl.col(key).is_in(only_stored[key].to_list())
    ).unique()
    repeated = mirrored.height - mirrored[key].n_unique()
    rows = [
        {"key": row[key], "what": "differs" if row["mirrored"] and row["stored"] else "only mirrored" if row["mirrored"] else "missing"}
        for row in described.sort(key).iter_rows(named=True)
    ]
    return rows + [{"key": None, "what": "mirrored twice"}] * repeated

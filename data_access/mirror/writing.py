"""Building the mirror and keeping it up to date."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.facts import FACTS, KEYS
from data_access.engine import reading
from data_access.errors import StoreUnavailable
from data_access.mirror import reading as store
from data_access.mirror.manifest import Manifest, Part, Parts, load, one_writer, put, sweep, sync
from data_access.mirror.scan import Mirror, rows_of
from data_access.schema.audit import change_log, store_meta
from data_access.store.frames import read
from data_access.store.versions import versions
from data_access.store_file import STORE_ID

TOPICS: Final = ("orders", "returns")
_ENTITIES: Final = {"orders": ("orders", "order"), "returns": ("returns", "return"), "shrunk": ("orders", "shrunk_order")}
"""By what is read again: its topic, and how the change log calls it. Orders that lost rows, or are gone, are logged as both."""
_LOGGED: Final = pl.Schema({"version": pl.Int64, "entity": pl.String, "entity_id": pl.String})

PATCHED: Final = 10
"""A patch is folded into its month once it has more than one row for so many of it."""

Progress = Callable[[int, int], object]
"""Is told the rows read, and how many there are."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """What a run did. `orders`: ids of those that had changed; `parts`: how many months of facts were written; `is_rebuilt`: all were
    read again. `months`: in which those orders have facts; `since`: the generation that it went on from, 0 for none.
    """

    manifest: Manifest
    is_rebuilt: bool
    orders: tuple[int, ...]
    parts: int
    months: frozenset[str]
    since: int


def catch_up(engine: Engine, folder: Path, *, rebuild: bool = False, progress: Progress = lambda _done, _total: None) -> CaughtUp:
    """Bring the mirror in a folder to the store's present state; builds it if there is none, or if `rebuild` says so.

    Everything is read again where the change log does not tell all: after a bulk load, or when it no longer reaches back that far.

    Raises:
        OnHandError, StoreUnavailable: the store or the folder cannot be used.

    """
    with one_writer(folder):
        try:
            with reading(engine) as connection:
                return catch_up_in(connection, folder, id_of_store(connection), rebuild=rebuild, progress=progress)
        except OSError as error:
            raise StoreUnavailable(f"The mirror in {folder} cannot be written ({error.strerror}): what it was before stays.") from error


def catch_up_in(
    connection: Connection, folder: Path, store_id: str, *, rebuild: bool = False, progress: Progress = lambda _done, _total: None
) -> CaughtUp:
    """The same in a reading transaction of a caller who holds the mirror."""
    before = load(folder)
    now = {topic: version for topic, version in versions(connection).items() if topic in TOPICS}
    changes = None if rebuild or before is None or before.store_id != store_id else _changes(connection, before, now)
    if before is None or changes is None:
        generation = 1 if before is None else before.generation + 1
        manifest = Manifest(store_id, generation, now, _built(connection, folder, generation, progress))
        put(folder, manifest)
        sweep(folder, manifest)
        return CaughtUp(manifest, True, (), sum(len(months) for months in manifest.parts.values()), frozenset(), generation - 1)
    if before.versions == now:
        return CaughtUp(before, False, (), 0, frozenset(), before.generation)
    parts, orders, touched, months = _patched(connection, folder, before, changes)
    manifest = Manifest(store_id, before.generation + 1, now, parts)
    put(folder, manifest)
    sweep(folder, manifest)
    return CaughtUp(manifest, False, tuple(orders), touched, months, before.generation)


def id_of_store(connection: Connection) -> str:
    """What tells this store from every other, as `store_meta` has it."""
    return str(connection.execute(sa.select(store_meta.c.value).where(store_meta.c.key == STORE_ID)).scalar_one())


# ---- the first build -----------------------------------------------------------------------------------------------


def _built(connection: Connection, folder: Path, generation: int, progress: Progress) -> Parts:
    """Read every fact once, and write it by month. Writing runs beside reading the next rows."""
    parts: Parts = {fact: {} for fact in FACTS}
    everything, done = sum(store.count(connection, fact) for fact in FACTS), 0
    with ThreadPoolExecutor(1) as writer:
        waiting: Future[None] | None = None
        for fact in FACTS:
            for number, chunk in enumerate(store.chunks(connection, fact)):
                by_month = _by_month(chunk)
                names = {month: _name(fact, month, generation, number) for month in by_month}
                if waiting is not None:
                    waiting.result()
                waiting = writer.submit(_write_all, folder, [(names[month], part) for month, part in by_month.items()])
                for month, name in names.items():
                    parts[fact][month] = Part((*parts[fact].get(month, Part()).files, name))
                done += chunk.height
                progress(done, everything)
        if waiting is not None:
            waiting.result()
    return parts


def _by_month(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Rows by month of placing (UTC), YYYY-MM."""
    months = rows["placed_at"].dt.strftime("%Y-%m")
    split = rows.with_columns(months.alias("month")).partition_by("month", as_dict=True, include_key=False)
    return {str(month): part for (month,), part in split.items()}


def _name(fact: str, month: str, generation: int, number: int = 0) -> str:
    return f"{fact}/{month}.{generation}.{number}.parquet"


def _write_all(folder: Path, files: Iterable[tuple[str, pl.DataFrame]]) -> None:
    for name, rows in files:
        _write(folder / name, rows)


def _write(path: Path, rows: pl.DataFrame) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("wb") as file:
        rows.write_parquet(file, compression="lz4")
        file.flush()
        os.fsync(file.fileno())
    sync(path.parent)


# ---- changes -------------------------------------------------------------------------------------------------------


def _changes(connection: Connection, before: Manifest, now: dict[str, int]) -> dict[str, list[int]] | None:
    """Ids by `_ENTITIES`; None if the log does not tell."""
    changed: dict[str, list[int]] = {name: [] for name in _ENTITIES}
    for topic in TOPICS:
        after = before.versions.get(topic, -1)
        if now[topic] == after:
            continue
        log = change_log.c
        query = sa.select(log.version, log.entity, log.entity_id).where(log.topic == topic, log.version > after).order_by(log.version)
        rows = read(connection, query, _LOGGED)
        if now[topic] < after or rows.is_empty() or rows["version"][0] != after + 1 or rows["entity"].is_in(["bulk"]).any():
            return None
        for name in (name for name, (its, _) in _ENTITIES.items() if its == topic):
            ids = rows.filter(pl.col("entity") == _ENTITIES[name][1])["entity_id"]
            if (ids == "*").any():
                return None
            changed[name] = ids.cast(pl.Int64).unique().sort().to_list()
    return changed


def _patched(
    connection: Connection, folder: Path, before: Manifest, changes: dict[str, list[int]]
) -> tuple[Parts, list[int], int, frozenset[str]]:
    """The parts with the changed orders and returns as they are now; which orders; how many parts were written, of which months."""
    alone = store.returns(connection, changes["returns"])
    order_ids = sorted({*changes["orders"], *alone["order_id"].drop_nulls().to_list()})
    parts: Parts = {fact: dict(months) for fact, months in before.parts.items()}
    is_shrunk = _among("order_id", changes["shrunk"])
    shrunk_months = _months_of(Mirror(folder, before), "order", is_shrunk) if changes["shrunk"] else set[str]()
    touched, all_months = 0, set[str](shrunk_months)
    for fact in FACTS:
        now = store.of_orders(connection, fact, order_ids)
        months = set(_by_month(now))
        gone: pl.Expr | None = None
        if fact == "return" and changes["returns"]:
            now = pl.concat([now, alone]).unique(KEYS[fact])
            gone = _among(KEYS[fact], changes["returns"])
            # one whose purchase was found since lay in the month when it was received
            months = {*_by_month(now), *_by_month(now.with_columns(placed_at="received_at"))}
            if alone.height < len(changes["returns"]):
                months |= _months_of(Mirror(folder, before), fact, gone)
        new = _by_month(now)
        all_months |= months
        for month in sorted(months | (shrunk_months & set(parts[fact]))):
            old, fresh = parts[fact].get(month, Part()), new.get(month, FACTS[fact].to_frame())
            without = [rows for rows in (gone, is_shrunk if month in shrunk_months else None) if rows is not None]
            parts[fact][month] = _written(folder, (fact, month, before.generation + 1), old, fresh, without)
            touched += 1
    return parts, order_ids, touched, frozenset(all_months)


def _among(column: str, ids: list[int]) -> pl.Expr:
    return pl.col(column).is_in(pl.Series(ids, dtype=pl.Int64).implode()).fill_null(value=False)


def _months_of(mirror: Mirror, fact: str, chosen: pl.Expr) -> set[str]:
    """The months in which the mirror has these rows."""
    months = mirror.scan(fact).filter(chosen).select(pl.col("placed_at").dt.strftime("%Y-%m").unique()).collect()
    return set(months.to_series())


def _written(folder: Path, place: tuple[str, str, int], old: Part, fresh: pl.DataFrame, gone: Sequence[pl.Expr]) -> Part:
    """A month with fresh rows: beside its files as a patch while that is small, else one file of all; `gone`: old rows that go.

    `place`: the fact, the month and the generation.
    """
    fact, month, generation = place
    key, stays = KEYS[fact], ~pl.any_horizontal(pl.lit(value=False), *gone)
    patch = rows_of(folder, fact, Part(patch=old.patch)).filter(stays).join(fresh, on=key, how="anti")
    patch = pl.concat([patch, fresh])
    size = sum(pl.scan_parquet(folder / name).select(pl.len()).collect().item() for name in old.files)
    name = _name(fact, month, generation)
    if size >= patch.height * PATCHED and not gone:
        _write(folder / name, patch.sort(key))
        return Part(old.files, name)
    rest = rows_of(folder, fact, Part(old.files)).filter(stays).join(patch, on=key, how="anti")
    _write(folder / name, pl.concat([rest, patch]).sort(key))
    return Part((name,))

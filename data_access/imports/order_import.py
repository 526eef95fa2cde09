"""Importing files of orders by a mapping. `import_table`, for all other kinds of files, is `table_import`'s."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import reading
from data_access.imports.create_master_data import prepare_catalogue, prepare_places
from data_access.imports.files.date_order import with_decided_dates
from data_access.imports.files.items import ITEM, itemised
from data_access.imports.files.mapping import LoadedMapping, Mapping, load_mapping
from data_access.imports.files.opening import OPENINGS, cover_days, openings
from data_access.imports.files.order_cells import filled, incomplete_orders, orders_of
from data_access.imports.files.orders import IS_GOODS, normalised
from data_access.imports.files.reader import Contents, read_records
from data_access.imports.files.recognise import recognised
from data_access.imports.import_run import FilePortion, ImportJob, ImportResult, Progress, Run, Workload
from data_access.imports.inbox_files.reentries import Reentries, reentries
from data_access.imports.lines.packages_of_file import CODE as PACKAGE_UNITS
from data_access.imports.lines.packages_of_file import with_packages
from data_access.imports.lines.reopening import with_states_again
from data_access.imports.lines.taken_back import with_lost_rows
from data_access.imports.matching.equal_lines import with_equal_lines
from data_access.imports.matching.known_orders import CODE as WHICH_LINE
from data_access.imports.matching.known_orders import known_orders, taken_lines, with_known_lines
from data_access.imports.matching.respelled_ids import with_respelled_orders
from data_access.imports.matching.returns import match_returns, with_skus
from data_access.imports.order_parts import OrderParts, order_parts
from data_access.imports.order_plan import OrderPlan
from data_access.imports.order_writer import OrderWriter
from data_access.imports.places import ChosenPlaces, placed
from data_access.imports.quarantine import ImportOrigin, ItemNumber, Quarantine, RowFacts, no_item
from data_access.imports.table_import import import_table
from data_access.schema.orders import order_line, shipment
from data_access.schema.returns import return_line
from data_access.store.lifecycle import require_current
from data_access.write import lookups

_PLANNED: Final = (
    *("position", "role", "order_ref", "line_ref", "event_ref", "external_sku", "sku", "customer", "quantity"),
    *("placed_at", "shipped_at", "cancelled_at", "cancelled_by", "returned_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFile:
    """A file of orders as it is understood beside the store. `rows`: by `files.orders.ROWS`; `back`: which of them the inbox knows.

    `mapping`: with the date patterns that the file is written in; `dates`: what a retry of single rows needs to know of these.
    """

    contents: Contents
    mapping: Mapping
    dates: dict[str, Any]
    back: Reentries
    rows: pl.DataFrame


def read_order_file(engine: Engine, path: Path, loaded: LoadedMapping) -> OrderFile:
    """Read and understand a file of orders as a whole; nothing is written.

    Raises:
        InvalidInput: the file cannot be read by the mapping.

    """
    mapping = loaded.mapping
    columns, decimal = mapping.file_columns, mapping.formats.decimal
    contents = read_records(path, mapping.file, columns, mapping.optional_columns, mapping.never_empty, decimal=decimal)
    return _understood(engine, contents, loaded, path.name)


def _order_files(engine: Engine, path: Path, loaded: LoadedMapping, *, is_whole: bool) -> tuple[Iterator[OrderFile], int | None]:
    """A file of orders as one, or in parts one after another; and how many rows all parts have, at most."""
    if is_whole:
        return _one(lambda: read_order_file(engine, path, loaded)), None
    parts = order_parts(path, loaded.mapping)
    if not isinstance(parts, OrderParts):
        wholes = [parts]
        del parts
        return _one(lambda: _understood(engine, wholes.pop(), loaded, path.name)), None
    decided = (parts.mapping, parts.dates)
    return (_understood(engine, contents, loaded, path.name, decided) for contents in parts), parts.rows


def _one(read: Callable[[], OrderFile]) -> Iterator[OrderFile]:
    """One file, which is let go of once it was handed on."""
    yield read()


def _understood(
    engine: Engine, contents: Contents, loaded: LoadedMapping, name: str, decided: tuple[Mapping, dict[str, Any]] | None = None
) -> OrderFile:
    """Rows of a file. `decided`: as of `with_decided_dates`, if the whole file was asked already."""
    mapping = loaded.mapping
    with reading(engine) as connection:
        contents, back = reentries(connection, contents, "orders", f"import:{loaded.name}")
        contents, row_nos = itemised(contents, mapping, back.row_facts)
        back = back if row_nos is None else back.renumbered(row_nos)
        mapping, dates = with_decided_dates(contents, mapping, name) if decided is None else decided
        known = known_orders(connection, mapping, incomplete_orders(contents, mapping))
        taken = taken_lines(connection, mapping, orders_of(contents, mapping, back.row_nos), back.run_ids)
    rows = normalised(contents, mapping, back.row_facts if back.row_nos else None, known, taken)
    with reading(engine) as connection:
        rows = with_respelled_orders(connection, rows, mapping)
    return OrderFile(contents=contents, mapping=mapping, dates=dates, back=back, rows=rows)


def import_orders(
    engine: Engine,
    path: Path,
    mapping: str,
    opening_stock: str | None = None,
    progress: Progress | None = None,
    places: ChosenPlaces | None = None,
) -> ImportResult:
    """Import a file of orders. After an interruption it goes on where it stopped if it is called again with the same file and mapping.

    Args:
        engine: the store.
        path: the file: delimited text, plain or gzip, or a workbook (XLSX, ODS).
        mapping: name of a mapping that comes with OnHand, `auto` for the one that fits the file's header, or path of a .toml file.
        opening_stock: `cover:30d` assumes an opening before each SKU's first row; without it, what has shipped before the first
            count or opening of its SKU and location is history and moves no stock.
        progress: called after each chunk.
        places: the channel and location that the rows are of, instead of the mapping's.

    Raises:
        InvalidInput: the mapping, the file or an option cannot be used; nothing was written.
        Conflict: another process imports the same file.
        StoreOutOfDate, StoreUnavailable: see there; what was taken in stays.

    """
    require_current(engine)
    with reading(engine) as connection:
        loaded, chosen = placed(connection, recognised(path) if mapping == "auto" else load_mapping(mapping), places or ChosenPlaces())
    cover = cover_days(opening_stock) if opening_stock is not None else None
    files, most = _order_files(engine, path, loaded, is_whole=cover is not None)
    work: _OrderImport | None = None
    for file in files:
        if work is None:
            job = _job(path, file.contents, loaded, {"opening_stock": opening_stock, **file.dates}, chosen)
            work = _OrderImport(engine, job, file.mapping, f"import:{loaded.name}", cover)
        work.turn_to(file)
        rows, back = file.rows, file.back
        del file  # for the sake of memory
        work.take_in(rows, back, most, progress)
    if work is None:
        raise AssertionError("a file has one part at least")
    return work.run.finish()


class _OrderImport:
    """An import of orders, part by part."""

    def __init__(self, engine: Engine, job: ImportJob, mapping: Mapping, source: str, cover: int | None) -> None:
        for own in mapping.routes:
            prepare_places(engine, own)
        self.run = Run(engine, job)
        self._engine, self._mapping, self._source, self._cover = engine, mapping, source, cover
        self._quarantine: Quarantine | None = None
        self._start = 0

    def _done(self, rows: pl.DataFrame) -> int:
        """How many rows of the part were taken in before the import was interrupted."""
        return min(max(self.run.next_row - self._start, 0), rows.height)

    def take_in(self, rows: pl.DataFrame, back: Reentries, most: int | None, progress: Progress | None) -> None:
        """Take in the rows of a part that it was turned to. `most`: the rows of all parts, at most; None if there is one part."""
        engine, run, mapping, done = self._engine, self.run, self._mapping, self._done(rows)
        if mapping.skus.unknown == "create":
            for own, part in _by_route(rows, mapping):
                prepare_catalogue(engine, part.filter(IS_GOODS).select("external_sku", "sku", "title"), own)
        by_route = _by_route(rows, mapping)
        with reading(engine) as connection:
            if run.is_repeat:
                rows = pl.concat(with_packages(connection, part, own, back.unmended(PACKAGE_UNITS)) for own, part in by_route)
            else:
                matched = ((own, matched_lines(connection, part, own, self._source, back)) for own, part in by_route)
                still_known = ((own, with_lost_rows(connection, part, own, self._source, run.id)) for own, part in matched)
                rows = pl.concat(with_states_again(connection, part, own, self._source, run.id) for own, part in still_known)
        del by_route  # for the sake of memory
        plans = [self._plan(part, own, done) for own, part in _by_route(rows, mapping)]
        history: dict[int, int] = {}
        for plan in plans:
            history |= _history(engine, plan)
        walls = rows.filter(pl.col("route") != pl.col("route").shift())["position"].to_list()
        here = FilePortion(self._start, rows.height if most is None else most)
        writer = OrderWriter(engine, plans, rows, self._inbox)
        run.go_through(rows.height, writer, progress, Workload(walls=walls, extra=history), part=here)
        self._start += rows.height

    @property
    def _inbox(self) -> Quarantine:
        if self._quarantine is None:
            raise AssertionError("there is a part")
        return self._quarantine

    def turn_to(self, file: OrderFile) -> None:
        """Let the inbox know of a part, and of its rows that were dealt with before an interruption."""
        row_facts, item = _row_facts(file.rows, filled(file.contents, self._mapping), self._mapping), _item_number(file.contents)
        texts, reentered = file.contents.texts, file.back.open
        origin = ImportOrigin(source=self._source, run_id=self.run.id, text=texts, row_facts=row_facts, item=item, reentries=reentered)
        if self._quarantine is None:
            self._quarantine = Quarantine(self._engine, origin)
        else:
            self._quarantine.turn_to(origin)
        self._quarantine.skip(file.rows["row_no"][: self._done(file.rows)].to_list())

    def _plan(self, rows: pl.DataFrame, mapping: Mapping, done: int) -> OrderPlan:
        """What is decided for all rows of a route; the same when an interrupted import goes on. `done`: rows that are dealt with."""
        with reading(self._engine) as connection:
            goods = with_skus(connection, rows.select(*_PLANNED, "code").filter(IS_GOODS), mapping)
            opened = pl.DataFrame(schema=OPENINGS)
            if self._cover is not None:
                restocks = mapping.returns is not None and mapping.returns.disposition == "restock"
                opened = openings(_exploded(connection, goods), self._cover, restocks)
            matches = match_returns(connection, goods.filter(pl.col("position") >= done), mapping, self._source)
        is_elsewhere = mapping.location.id != self._mapping.location.id
        return OrderPlan(mapping, self._source, self.run.id, matches, opened, is_elsewhere=is_elsewhere)


def _by_route(rows: pl.DataFrame, mapping: Mapping) -> list[tuple[Mapping, pl.DataFrame]]:
    """The rows of each route, with the mapping that they are read by."""
    if len(mapping.routes) == 1:
        return [(mapping, rows)]
    return [(own, rows.filter(route=route)) for route, own in enumerate(mapping.routes)]


def matched_lines(connection: Connection, rows: pl.DataFrame, mapping: Mapping, source: str, back: Reentries) -> pl.DataFrame:
    """Rows as `with_known_lines` and `with_packages` have them; without line ids, rows of the inbox are no lines that other rows of their
    file have told, unless it was asked which line they are of.
    """
    has_lines = "line" in mapping.columns.named
    if not has_lines and not back.row_nos:
        rows = with_equal_lines(connection, rows, mapping.channel.id)
    if has_lines or not back.row_nos:
        matched = with_known_lines(connection, rows, mapping, source)
    else:
        lines_of_their_own = pl.col("row_no").is_in(sorted(set(back.row_nos) - set(back.waiting_for(WHICH_LINE))))
        others = with_known_lines(connection, rows.filter(~lines_of_their_own), mapping, source)
        matched = pl.concat([others, rows.filter(lines_of_their_own)]).sort("position")
    return with_packages(connection, matched, mapping, back.unmended(PACKAGE_UNITS))


def _row_facts(rows: pl.DataFrame, cells: pl.DataFrame, mapping: Mapping) -> RowFacts:
    """What the file says of rows beside their texts, looked up on demand."""
    numbered = "line" not in mapping.columns.named

    def look_up(row_nos: Sequence[int]) -> dict[int, dict[str, Any]]:
        numbered_rows = (
            rows.lazy().filter(pl.col("row_no").is_in(row_nos) & pl.col("line_ref").is_not_null()).select("row_no", "line_ref").collect()
        )
        number = pl.col("line_ref").str.extract(r"\.(\d+)$").cast(pl.Int64) if numbered else pl.lit(None, pl.Int64)
        facts = numbered_rows.select("row_no", occurrence=number).join(cells.drop("occurrence"), on="row_no", how="full", coalesce=True)
        facts = facts.filter(pl.col("row_no").is_in(row_nos))
        return {row.pop("row_no"): {name: value for name, value in row.items() if value is not None} for row in facts.iter_rows(named=True)}

    return look_up


def _item_number(contents: Contents) -> ItemNumber:
    """The numbers of items within their records, of a file whose records hold several."""
    if ITEM not in contents.frame.columns:
        return no_item
    numbers: dict[int, int | None] = dict(contents.frame.select("row_no", ITEM).iter_rows())
    return numbers.get


def _job(path: Path, contents: Contents, loaded: LoadedMapping, options: dict[str, Any], chosen: dict[str, Any]) -> ImportJob:
    recipe = contents.recipe(loaded.text, {**options, **chosen})
    said = f"opening_stock={options['opening_stock']}" + "".join(f",{name}={part['id']}" for name, part in sorted(chosen.items()))
    return ImportJob("orders", path.name, contents.file_hash, loaded.name, loaded.hash(said), recipe, contents.joined)


def _history(engine: Engine, plan: OrderPlan) -> dict[int, int]:
    """Movements that the history of each SKU makes once its opening begins its stock, by the opening's position."""
    if plan.openings.is_empty():
        return {}
    by_sku: dict[str, int] = {}
    with reading(engine) as connection:
        shipped = (
            sa.select(order_line.c.sku, sa.func.count())
            .join(shipment, shipment.c.line_id == order_line.c.id)
            .where(shipment.c.location_id == plan.location_id, shipment.c.moves_stock.is_(False))
            .group_by(order_line.c.sku)
        )
        back = (
            sa.select(return_line.c.sku, 3 * sa.func.count())
            .where(return_line.c.location_id == plan.location_id, return_line.c.moves_stock.is_(False))
            .group_by(return_line.c.sku)
        )
        for query in (shipped, back):
            for sku, movements in connection.execute(query):
                by_sku[sku] = by_sku.get(sku, 0) + movements
    firsts = plan.openings.filter(pl.col("sku").is_in(list(by_sku))).select("position", "sku").iter_rows()
    movements_at: dict[int, int] = {}
    for position, sku in firsts:
        movements_at[position] = movements_at.get(position, 0) + by_sku[sku]
    return movements_at


def _exploded(connection: Connection, goods: pl.DataFrame) -> pl.DataFrame:
    """Rows of kits as rows of their components."""
    known = lookups.current(connection)
    skus = goods["sku"].unique().to_list()
    known.load(connection, skus, ())
    parts = [(sku, *part) for sku in skus for part in known.components(sku, known.kit_version(sku) or 0)]
    table = pl.DataFrame(parts, schema={"sku": pl.String, "part": pl.String, "per": pl.Int64}, orient="row")
    exploded = goods.join(table, on="sku", how="inner", maintain_order="left")
    return exploded.with_columns(sku="part", quantity=pl.col("quantity") * pl.col("per")).drop("part", "per")


__all__ = ["ImportResult", "import_orders", "import_table"]

"""Trying quarantined rows again, each as its import would have taken it in: with that import's mapping and header."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.engine import now_us, reading
from data_access.imports.channel_files.channel_import import understood_again
from data_access.imports.channel_files.writer import write_channel_rows
from data_access.imports.create_master_data import create_codes, release_keys
from data_access.imports.files.date_order import with_dates
from data_access.imports.files.items import split_items
from data_access.imports.files.mapping import Mapping as OrderMapping
from data_access.imports.files.mapping import parse_mapping
from data_access.imports.files.order_cells import ROW_FACTS, incomplete_orders
from data_access.imports.files.orders import IS_GOODS, normalised
from data_access.imports.files.reader import read_text
from data_access.imports.files.recipe import Recipe
from data_access.imports.files.tables import TABLES, parse_table, table_rows
from data_access.imports.lines.packages_of_file import CODE as PACKAGE_UNITS
from data_access.imports.lines.packages_of_file import with_packages
from data_access.imports.matching.known_orders import CODE as WHICH_LINE
from data_access.imports.matching.known_orders import known_orders, with_known_lines
from data_access.imports.matching.respelled_ids import with_respelled_orders, with_respelled_products
from data_access.imports.matching.returns import match_returns, with_skus
from data_access.imports.order_plan import Chunk, OrderPlan
from data_access.imports.order_writer import write_rows
from data_access.imports.places import at_places, location_zones
from data_access.imports.quarantine import note_ignored
from data_access.imports.table_rows import write_table
from data_access.schema.audit import import_run, inbox_item
from data_access.schema.catalog import listing
from data_access.store.runs_undoing import refuse_while_undoing
from data_access.write import lookups
from data_access.write.bulk import in_values
from data_access.write.kernel import SYSTEM, work
from data_access.write.unit_of_work import UnitOfWork

ITEMS_A_TRANSACTION: Final = 200
WAITING_CODES: Final = ("unknown_sku", "unknown_location", "unknown_channel", "incomplete_kit")
"""Reasons that may be gone once a table file has been imported."""

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Retried:
    """How many items were taken in and closed, and how many still wait."""

    taken: int = 0
    waiting: int = 0

    def __add__(self, other: "Retried") -> "Retried":
        return Retried(self.taken + other.taken, self.waiting + other.waiting)

    def __str__(self) -> str:
        return f"{self.taken} taken in, {self.waiting} still wait."


def retry_waiting(engine: Engine) -> Retried:
    """Try rows again that wait for a listing that has a SKU now, or for something that a table file may have brought."""
    total = Retried()
    while True:
        # Rows that are taken in may be what others wait for: a product for its listing, the listing for its order lines.
        retried = retry_rows(engine, _ready(engine))
        total = Retried(total.taken + retried.taken, retried.waiting)
        if retried.taken == 0:
            return total


def _ready(engine: Engine) -> list[int]:
    i = inbox_item.c
    mapped = sa.and_(listing.c.channel_id == i.channel_id, listing.c.external_sku == i.external_sku, listing.c.sku.is_not(None))
    query = (
        sa.select(i.id)
        .join(listing, mapped, isouter=True)
        .where(i.status == "open", i.kind == "row", sa.or_(i.reason_code.in_(WAITING_CODES), listing.c.listing_id.is_not(None)))
        .order_by(i.id)
    )
    with reading(engine) as connection:
        return list(connection.execute(query).scalars())


def retry_rows(engine: Engine, item_ids: Sequence[int]) -> Retried:
    """Try rows again, at most `ITEMS_A_TRANSACTION` at once; items that are not open, or not rows of a file, are skipped."""
    total = Retried()
    for start in range(0, len(item_ids), ITEMS_A_TRANSACTION):
        part = item_ids[start : start + ITEMS_A_TRANSACTION]
        total += work(engine, SYSTEM, None, partial(_retry_and_release, part), rows=20_000, parents=None)
    return total


def _retry_and_release(item_ids: Sequence[int], unit: UnitOfWork) -> Retried:
    retried, brought = retry_in(unit, item_ids)
    release_keys(unit, brought.keys, brought.changed)
    return retried


def retry_in(unit: UnitOfWork, item_ids: Sequence[int]) -> tuple[Retried, Chunk]:
    """Try rows again in a unit that holds all parents locked and has nothing else to write. Returns what became of them too."""
    connection = unit.connection
    refuse_while_undoing(connection)
    items = _open_rows(connection, item_ids)
    by_run: dict[int, list[Item]] = {}
    for item in items:
        by_run.setdefault(item["import_run_id"], []).append(item)
    taken, brought = 0, Chunk()
    for run_id, chosen in sorted(by_run.items()):
        run = dict(connection.execute(sa.select(import_run).where(import_run.c.id == run_id)).mappings().one())
        together = _together(connection, run_id, chosen, is_kits=run["kind"] == "kits")
        chunk, further = _write(unit, run, together)
        _account(unit, run_id, chunk, further)
        note_ignored(unit, run_id, chunk.ignored)
        taken += _close(unit, together, chunk)
        unit.flush()
        brought += chunk
    return Retried(taken, max(len(items) - taken, 0)), brought


def _open_rows(connection: Connection, item_ids: Sequence[int]) -> list[Item]:
    i = inbox_item.c
    query = sa.select(inbox_item).where(in_values(connection, i.id, list(item_ids)), i.kind == "row", i.status == "open")
    return [dict(row) for row in connection.execute(query.order_by(i.id)).mappings()]


def _together(connection: Connection, run_id: int, chosen: Sequence[Item], *, is_kits: bool) -> list[Item]:
    """The items of the run with the same references, in the file's order, which decides the occurrence number of each.

    Of a kit, which is taken in whole or not at all, all open rows are tried.
    """
    i = inbox_item.c
    references = sorted({item["reference"] for item in chosen})
    query = sa.select(inbox_item).where(i.import_run_id == run_id, in_values(connection, i.reference, references), i.kind == "row")
    if is_kits:
        query = query.where(i.status == "open")
        chosen_ids = None
    else:
        chosen_ids = {item["id"] for item in chosen}
        of_packages = sa.select(i.id).where(i.reason_code == PACKAGE_UNITS, i.status == "open", i.import_run_id == run_id)
        chosen_ids |= set(connection.execute(of_packages.where(in_values(connection, i.reference, references))).scalars())
    items = [dict(row) for row in connection.execute(query.order_by(i.line_number, i.id)).mappings()]
    for item in items:
        item["is_chosen"] = chosen_ids is None or item["id"] in chosen_ids
    return items


def _write(unit: UnitOfWork, run: Mapping[str, Any], items: Sequence[Item]) -> tuple[Chunk, int]:
    """Take in the rows of some items; how many rows they are beyond one for each item: a mended record may hold several."""
    recipe = Recipe.from_json(run["recipe"])
    texts = [(row_no, item["line_number"], item["mended"] or item["content"]) for row_no, item in enumerate(items)]
    chosen = pl.col("row_no").is_in([row_no for row_no, item in enumerate(items) if item["is_chosen"]])
    source = f"import:{run['mapping']}"
    if "layout" in recipe.options:
        facts = [json.loads(item["row_facts"] or "{}") for item in items]
        file, rows = understood_again(unit.connection, recipe, texts, facts)
        return write_channel_rows(unit, file, (source, run["id"]), rows.filter(chosen)), 0
    if run["kind"] in TABLES:
        table = parse_table(run["kind"], recipe.mapping, run["mapping"])
        contents = read_text(
            recipe.header, texts, table.mapping.file, table.needed, table.optional, table.never_empty, is_sheet=recipe.is_sheet
        )
        table = table.with_dates(recipe.options)
        rows = table_rows(contents, table, location_zones(unit.connection))
        if run["kind"] == "products":
            rows = with_respelled_products(unit.connection, rows)
        return write_table(unit, table.kind, (source, run["id"]), rows.filter(chosen)), 0
    mapping = with_dates(at_places(parse_mapping(recipe.mapping, run["mapping"]), recipe.options), recipe.options)
    columns, optional = mapping.file_columns, mapping.optional_columns
    contents = read_text(recipe.header, texts, mapping.file, columns, optional, mapping.never_empty, is_sheet=recipe.is_sheet)
    row_facts = _row_facts(items)
    contents = split_items(contents, mapping, row_facts)
    known = known_orders(unit.connection, mapping, incomplete_orders(contents, mapping))
    rows = with_respelled_orders(unit.connection, normalised(contents, mapping, row_facts, known), mapping)
    of_routes = [_asked_again(unit.connection, rows.filter(route=route), own, source, items) for route, own in enumerate(mapping.routes)]
    chunk = Chunk()
    counted = ~pl.col("row_no").is_in([row_no for row_no, item in enumerate(items) if item["status"] == "dismissed"])
    unmended = [row_no for row_no, item in enumerate(items) if item["reason_code"] == PACKAGE_UNITS and item["mended"] is None]
    for own, of_route in zip(mapping.routes, of_routes, strict=True):
        with_counted = with_packages(unit.connection, of_route.filter(counted), own, unmended)
        is_elsewhere = own.location.id != mapping.location.id
        chunk += _write_route(unit, own, (source, run["id"]), with_counted.filter(chosen), is_elsewhere=is_elsewhere)
    rows = pl.concat(of_routes).filter(chosen)
    return chunk, rows.height - rows["row_no"].n_unique()


def _asked_again(connection: Connection, rows: pl.DataFrame, mapping: OrderMapping, source: str, items: Sequence[Item]) -> pl.DataFrame:
    """Rows of which it was asked what known line they are of: by their texts as they are now, they are of one, or it is asked again.

    Those of an order are looked at together, for only so is one of them the only one.
    """
    in_doubt = [row_no for row_no, item in enumerate(items) if item["reason_code"] == WHICH_LINE and item["status"] == "open"]
    asked = pl.col("row_no").is_in(in_doubt)
    if rows.filter(asked).is_empty():
        return rows
    return pl.concat([with_known_lines(connection, rows.filter(asked), mapping, source), rows.filter(~asked)]).sort("position")


def _write_route(unit: UnitOfWork, mapping: OrderMapping, origin: tuple[str, int], rows: pl.DataFrame, *, is_elsewhere: bool) -> Chunk:
    """Take in rows of one channel and location. `origin`: their source and import."""
    rows = rows.with_columns(position=pl.int_range(pl.len(), dtype=pl.Int64))
    goods = rows.filter(IS_GOODS)
    keys = []
    if mapping.skus.unknown == "create":
        keys = create_codes(unit, goods, mapping)
        lookups.forget()
    goods = with_skus(unit.connection, goods, mapping)
    matches = match_returns(unit.connection, goods, mapping, origin[0])
    chunk = write_rows(unit, OrderPlan(mapping, *origin, matches, is_elsewhere=is_elsewhere), rows)
    chunk.keys += keys
    return chunk


def _row_facts(items: Sequence[Item]) -> pl.DataFrame:
    """What the files said of the rows beside their texts; the occurrence of a mended row is counted again."""
    rows = []
    for row_no, item in enumerate(items):
        row_facts = json.loads(item["row_facts"] or "{}")
        if item["mended"] is not None:
            row_facts.pop("occurrence", None)
        rows.append({**dict.fromkeys(ROW_FACTS), **row_facts, "row_no": row_no})
    return pl.DataFrame(rows, schema=ROW_FACTS)


def _account(unit: UnitOfWork, run_id: int, chunk: Chunk, further: int) -> None:
    """Move rows that arrive now, in the figures of their import, from quarantined to what they are; count `further` rows as read."""
    r, figures = import_run.c, {name: rows for name, rows in chunk.tally.figures.items() if name != "quarantined"}
    if arrived := sum(figures.values()):
        further = min(further, arrived)
        values = {name: r[name] + rows for name, rows in figures.items()}
        values |= {"quarantined": r.quarantined - arrived + further, "rows_read": r.rows_read + further}
        unit.connection.execute(sa.update(import_run).where(r.id == run_id).values(values))


def _close(unit: UnitOfWork, items: Sequence[Item], chunk: Chunk) -> int:
    """Resolve the items that were taken in; write down what is wrong with the others now."""
    taken = set(chunk.taken) - {bad.row_no for bad in chunk.bad}
    for row_no in sorted(taken):
        _change(unit, items[row_no], {"status": "resolved", "closed_at": now_us()})
    for bad in chunk.bad:
        item = items[bad.row_no]
        problem = {"reason": bad.reason, "reason_code": bad.code, "external_sku": bad.external_sku}
        if any(item[name] != value for name, value in problem.items()):
            _change(unit, item, problem)
    return len(taken)


def _change(unit: UnitOfWork, item: Item, values: Mapping[str, Any]) -> None:
    where = inbox_item.c.id == item["id"]
    unit.connection.execute(sa.update(inbox_item).where(where).values(**values, version=inbox_item.c.version + 1))
    unit.touch("inbox", "item", item["id"])

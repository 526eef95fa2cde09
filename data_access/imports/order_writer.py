"""Writing the rows of an order file: what `chunk_plan` has worked out, and the rest through the ledger (`ledger_rows`)."""

from collections.abc import Sequence
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine

from data_access.engine import is_sqlite, now_us, reading, row_ids
from data_access.imports.chunk_plan import IDS_PER_ROW, Block, events, versions, work_out
from data_access.imports.create_master_data import has_parked, release_keys
from data_access.imports.import_run import Tally
from data_access.imports.ledger_rows import SingleRows
from data_access.imports.order_plan import Bad, Chunk, OrderPlan
from data_access.imports.quarantine import Quarantine
from data_access.imports.ready_rows import COUNTED, ReadyRows, made_ready
from data_access.prepared import Prepared
from data_access.schema.catalog import listing
from data_access.schema.orders import order_line
from data_access.schema.stock import event, stock_level
from data_access.write.bulk import insert_frame
from data_access.write.unit_of_work import UnitOfWork

LARGEST_BLOCK: Final = 25_000
_GIVE_BACK: Final = Prepared(
    sa.update(order_line)
    .where(order_line.c.id == sa.bindparam("b_id"))
    .values(returned_quantity=order_line.c.returned_quantity + sa.bindparam("b_units"))
)
_MOVE_LEVEL: Final = Prepared(
    sa.update(stock_level)
    .where(stock_level.c.sku == sa.bindparam("b_sku"), stock_level.c.location_id == sa.bindparam("b_place"))
    .values(
        on_hand=stock_level.c.on_hand + sa.bindparam("b_units"),
        unsellable=stock_level.c.unsellable + sa.bindparam("b_unsellable"),
        last_at=sa.case((stock_level.c.last_at > sa.bindparam("b_at"), stock_level.c.last_at), else_=sa.bindparam("b_at")),
    )
)


class OrderWriter:
    """Writes the rows of one import, chunk by chunk: see `import_run.Writer`."""

    def __init__(self, engine: Engine, plans: Sequence[OrderPlan], rows: pl.DataFrame, quarantine: Quarantine) -> None:
        """`plans`: by route."""
        self._engine = engine
        self._plans = plans
        self._rows = rows
        self._quarantine = quarantine
        self._block: Block | None = None
        self._block_size = 0
        self._ready: ReadyRows | None = None
        self._keys: list[str] = []
        self._changed: list[tuple[str, str]] = []
        last = rows.lazy().group_by("route").agg(pl.col("placed_at").max()).drop_nulls().sort("route").collect()
        self._last_at = {plans[route].channel_id: at for route, at in last.iter_rows()}

    def _plan(self, start: int) -> OrderPlan:
        route: int = self._rows["route"][start]
        return self._plans[route]

    def prepare(self, start: int, end: int) -> None:
        """Before the chunk's transaction: work its rows out, and those of the next chunks too while nobody else writes."""
        if self._block is None or not self._block.start <= start <= end <= self._block.end:
            self._work_out(start, end)
        self._ready = None if self._block is None else made_ready(self._block, self._plan(start), start, end)

    def _work_out(self, start: int, end: int) -> None:
        is_quiet, ids = self._block is not None, row_ids(self._engine)
        if not self._block_size:
            # For all blocks: to reserve ids for each would be a transaction each, whose commit copies the log into the file.
            ids.reserve(IDS_PER_ROW * (self._rows.height - start))
        self._block_size = min(self._block_size * 4, LARGEST_BLOCK) if is_quiet else end - start
        rows, plan = self._rows.slice(start, max(self._block_size, end - start)), self._plan(start)
        rows = rows.filter(route=rows["route"][0])
        ids.reserve(IDS_PER_ROW * (rows.height + plan.openings_of(rows).height) + plan.matches.height)
        with reading(self._engine) as connection:
            self._block = work_out(connection, ids, plan, rows)

    def write(self, unit: UnitOfWork, start: int, end: int) -> Tally:
        """In the chunk's transaction, which holds all parents locked: write its rows."""
        block, plan = self._valid_block(unit, start, end), self._plan(start)
        self._quarantine.begin(start)
        ready = self._ready if self._ready is not None and block is self._block else made_ready(block, plan, start, end)
        chunk = write_block(unit, plan, block, ready)
        self._quarantine.keep(unit, chunk.bad, chunk.tally, plan.channel_id)
        self._quarantine.note(unit, chunk.ignored)
        self._quarantine.resolve(unit, chunk.taken)
        self._keys, self._changed = chunk.keys, chunk.changed
        for channel_id, at in self._last_at.items() if end == self._rows.height else ():
            unit.saw_channel(channel_id, at, now_us())
        return chunk.tally

    def _valid_block(self, unit: UnitOfWork, start: int, end: int) -> Block:
        """The block, if nobody else has written since it was worked out; else one of this chunk alone."""
        block = self._block
        if block is not None and not is_sqlite(unit.connection):
            unit.load_skus(_skus(block, start, end))
        if block is not None and versions(unit.connection) == block.versions:
            return block
        self._block = None
        rows = self._rows.slice(start, end - start)
        return work_out(unit.connection, unit.ids, self._plan(start), rows, unit.load_skus)

    def flushed(self, unit: UnitOfWork) -> None:
        """In the chunk's transaction, after the flush: release what waited for its rows."""
        if release_keys(unit, self._keys, self._changed):
            self._block = None
        if self._block is not None:
            self._block.versions = versions(unit.connection)


def write_rows(unit: UnitOfWork, plan: OrderPlan, rows: pl.DataFrame) -> Chunk:
    """Take in rows by `files.orders.ROWS`, with consecutive positions, in the unit's transaction; the caller flushes."""
    if rows.is_empty():
        return Chunk()
    block = work_out(unit.connection, unit.ids, plan, rows, unit.load_skus)
    return write_block(unit, plan, block, made_ready(block, plan, block.start, block.end))


def _skus(block: Block, start: int, end: int) -> set[str]:
    named = {*block.tables["order_line"].between(start, end)["sku"], *block.tables["return_line"].between(start, end)["sku"]}
    named |= {*block.tables["stock_movement"].between(start, end)["sku"], *block.single.between(start, end)["sku"].drop_nulls()}
    named |= set(block.assumed.between(start, end)["sku"])
    return {part for sku in named for part in block.parts[sku]}


def write_block(unit: UnitOfWork, plan: OrderPlan, block: Block, ready: ReadyRows) -> Chunk:
    """Write rows of a block, as they are made ready; the further ones of their range of positions go through the ledger."""
    chunk, connection = Chunk() + ready.accounted, unit.connection
    for insertion in ready.insertions:
        insertion.run(connection)
    _note_listings(unit, ready.listings)
    if ready.given_back:
        _GIVE_BACK.run(connection, ready.given_back)
    if ready.moved_levels:
        _MOVE_LEVEL.run(connection, ready.moved_levels)
    unit.touch_all(ready.touched)
    parked = has_parked(connection)
    single, openings = block.single.between(ready.start, ready.end), block.openings.between(ready.start, ready.end)
    if single.height or openings.height:
        unit.load_skus({part for sku in (*single["sku"].drop_nulls(), *openings["sku"]) for part in block.parts[sku]})
        _one_by_one(unit, plan, chunk, single, openings, is_heard=parked)
    if parked:
        _name_keys(plan, chunk, block, ready.start, ready.end)
    return chunk


def _note_listings(unit: UnitOfWork, listings: pl.DataFrame) -> None:
    """Listings that nobody has mapped; another feed may have noted one meanwhile."""
    if listings.is_empty():
        return
    insert = sqlite.insert if is_sqlite(unit.connection) else postgresql.insert
    unit.connection.execute(insert(listing).on_conflict_do_nothing(), listings.to_dicts())
    for channel_id, external_sku in listings.select("channel_id", "external_sku").iter_rows():
        unit.touch("catalog", "listing", f"{channel_id}:{external_sku}")
        unit.touch("inbox", "listing", f"{channel_id}:{external_sku}")


def _one_by_one(unit: UnitOfWork, plan: OrderPlan, chunk: Chunk, rows: pl.DataFrame, openings: pl.DataFrame, *, is_heard: bool) -> None:
    singles = SingleRows(unit, plan)
    first = list(openings.select("at", "sku", "occurred_at", "quantity").iter_rows())
    singles.load(rows)
    for row in rows.iter_rows(named=True):
        while first and first[0][0] <= row["at"]:
            singles.open(*first.pop(0)[1:])
        outcome = singles.take(row)
        if isinstance(outcome, Bad):
            chunk.bad.append(outcome)
            chunk.tally.quarantined += 1
            continue
        chunk.taken.append(row["row_no"])
        if outcome == "imported":
            chunk.tally.imported += 1
            chunk.tally.count(COUNTED[row["role"]])
            chunk.tally.count("unmatched_returns", int(row["role"] == "return" and singles.is_unmatched(row)))
        elif outcome == "updated":
            chunk.tally.updated += 1
        elif outcome == "ignored":
            chunk.tally.ignored += 1
        else:
            chunk.tally.duplicates += 1
    chunk.ignored += singles.ignored
    for _, sku, at, units in first:
        singles.open(sku, at, units)
    applied = rows.filter(pl.col("event_row").is_in(singles.events)).rename({"at": "position"})
    insert_frame(unit.connection, event, events(plan, applied).drop("position"))
    if is_heard:
        chunk.keys += singles.keys
        chunk.changed += [(plan.channel_id, ref) for ref in singles.changed]


def _name_keys(plan: OrderPlan, chunk: Chunk, block: Block, start: int, end: int) -> None:
    """What parked events may wait for, of the rows that needed no ledger."""
    settled = block.outcomes.between(start, end).filter(pl.col("outcome") == "settled")
    rows = settled.filter(pl.col("role") == "line")
    prefix = f"{plan.channel_id}:"
    chunk.keys += [f"return:{prefix}{ref}" for ref in settled.filter(pl.col("role") == "return")["order_ref"].unique(maintain_order=True)]
    sent = rows.filter(pl.col("shipment_ref").is_not_null()).select("order_ref", "shipment_ref").unique(maintain_order=True)
    chunk.keys += [f"shipment:{prefix}{ref}:{package}" for ref, package in sent.iter_rows()]
    chunk.keys += [f"order:{prefix}{ref}" for ref in rows["order_ref"].unique(maintain_order=True)]
    chunk.keys += [f"line:{prefix}{ref}:{line}" for ref, line in rows.select("order_ref", "line_ref").iter_rows()]

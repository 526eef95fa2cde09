"""What a channel sold in the last days and what its pools did meanwhile: read for the back-test of its buffers.

The pool is played backwards from now. Units of an order line are tied, from the moment it is placed, to the location that they shipped
from or are allocated at; shipping them then changes nothing. Of units that were cancelled before they shipped nobody knows where they
were tied: they are taken to have been where the line says, else at the first location of its channel.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.domain.availability import sharing
from data_access.domain.buffer_replay import CANCELLED, CHANGES, ORDERS, PARTS, Demand, moments, replay
from data_access.domain.buffers import RULES
from data_access.domain.buffers_in_force import VERSIONS, hidden, observed_from
from data_access.queries import stock
from data_access.queries.live_stock import Live
from data_access.schema.audit import audit_entry
from data_access.schema.buffers import buffer_rule
from data_access.schema.catalog import kit_component
from data_access.schema.orders import allocation, cancellation, order_line, shipment
from data_access.schema.stock import event, stock_movement
from data_access.store.frames import read

LONGEST_DELAY: Final = 86_400_000_000
"""Microseconds. What came in later than this was imported, and tells nothing of how late the channel's events reach us."""

ALL_SIZES: Final = (*range(101), 125, 150, 200, 300, 500, 1_000)
"""Units: the sizes that are tried for one SKU."""

SIZES: Final = (*range(13), 15, 20, 25, 30, 40, 50, 75, 100, 200)
"""Units: the sizes that are tried for each SKU of a channel, besides today's."""

_DAY: Final = 86_400_000_000
_AUDIT: Final = pl.Schema({"rule_id": pl.Int64, "at": pl.Int64, "before": pl.String, "after": pl.String})
_VALUES: Final = pl.Struct({name: kind for name, kind in RULES.items() if name not in ("rule_id", "version")})
_OWN: Final = pl.Schema(
    {
        "line_id": pl.Int64,
        "sku": pl.String,
        "kit_version": pl.Int64,
        "listing": pl.String,
        "at": pl.Int64,
        "units": pl.Int64,
        "delay": pl.Int64,
    }
)
_TIED: Final = pl.Schema({"line_id": pl.Int64, "sku": pl.String, "kit_version": pl.Int64, "at": pl.Int64, "units": pl.Int64})
_GONE: Final = pl.Schema(
    {
        "line_id": pl.Int64,
        "sku": pl.String,
        "kit_version": pl.Int64,
        "channel_id": pl.String,
        "placed_at": pl.Int64,
        "location_id": pl.String,
        "unshipped": pl.Int64,
        "at": pl.Int64,
        "units": pl.Int64,
    }
)
_MOVES: Final = pl.Schema({"sku": pl.String, "at": pl.Int64, "units": pl.Int64})


@dataclass(frozen=True, slots=True)
class BackTest:
    """The back-test of a channel's buffers, which `buffer_replay.by_sku` tells by SKU. `curves`: `buffer_replay.CURVES`.

    `wanted`: sku, wanted: units ordered; `today`: sku, size: the buffers of now; `observed_from`: `buffers_in_force.OBSERVED_FROM`;
    `unexplained`: units ordered beyond what the channel is taken to have seen, which the replay leaves out; `delay`: the median, in
    microseconds; `at`: when it was made.
    """

    curves: pl.DataFrame
    wanted: pl.DataFrame
    today: pl.DataFrame
    observed_from: pl.DataFrame
    unexplained: int
    delay: int
    at: int


def back_test(
    connection: Connection,
    live: Live,
    channel_id: str,
    skus: Collection[str] | None,
    days: int,
    now: int,
    progress: Callable[[float, str], object] = lambda _share, _step: None,
) -> BackTest:
    """Replay a channel's last days (up to `now`, microseconds since 1970) with other sizes of its buffers.

    `skus`: None for all, with fewer sizes; `progress` is told the share done and what comes next.
    """
    since = now - days * _DAY
    progress(0.0, "Reading the orders")
    known = demand(connection, live.catalogue.channel_locations, channel_id, skus, since, now)
    progress(0.7, "Playing the stock backwards")
    orders = moments(known)
    progress(0.8, "Trying the sizes")
    today = live.availability.filter(pl.col("channel_id") == channel_id).select("sku", size="channel_buffer")
    curves = replay(orders, known.cancelled, ALL_SIZES if skus is not None and len(skus) == 1 else SIZES, today)
    progress(0.95, "Comparing")
    hid = hidden(_pairs(live, channel_id, orders), versions(connection, channel_id), since, now)
    seen = pl.col("seen").clip(lower_bound=0)
    delay = known.orders.select(pl.col("delay").median().fill_null(0).cast(pl.Int64)).item()
    return BackTest(
        curves=curves,
        wanted=orders.group_by("sku").agg(wanted=pl.col("units").sum()),
        today=today,
        observed_from=observed_from(hid),
        unexplained=int(orders.select((pl.col("units") - seen).clip(lower_bound=0).sum()).item()),
        delay=int(delay),
        at=now,
    )


def _pairs(live: Live, channel_id: str, orders: pl.DataFrame) -> pl.DataFrame:
    """`buffers_in_force.PAIRS`: the pools are the largest that an order met."""
    largest = orders.group_by("sku").agg(pl.col("pool").max())
    daily = live.demand.filter(pl.col("channel_id") == channel_id).select("sku", "own_daily")
    return (
        largest.join(live.catalogue.products.select("sku", "category"), on="sku", how="left")
        .join(daily, on="sku", how="left")
        .select("sku", pl.lit(channel_id).alias("channel_id"), "category", "pool", "own_daily")
    )


def versions(connection: Connection, channel_id: str) -> pl.DataFrame:
    """`buffers_in_force.VERSIONS` of all rules that cover the channel: as the audit has them; without any, as they are."""
    entry, rule = audit_entry.c, buffer_rule.c
    query = sa.select(sa.cast(entry.entity_id, sa.BigInteger), entry.at, entry.before, entry.after).where(entry.entity == "buffer_rule")
    edits = read(connection, query.order_by(entry.at, entry.id), _AUDIT)
    mine = pl.col("channel_id").is_null() | (pl.col("channel_id") == channel_id)
    after = edits.with_columns(since="at", until=pl.col("at").shift(-1).over("rule_id"), values="after")
    first = edits.unique("rule_id", keep="first", maintain_order=True).with_columns(
        since=pl.lit(0, pl.Int64), until=pl.col("at"), values="before"
    )
    audited = (
        pl.concat([first, after.select(first.columns)])
        .filter(pl.col("values").is_not_null())
        .with_columns(pl.col("values").str.json_decode(_VALUES))
        .unnest("values")
        .with_columns(version=pl.lit(0, pl.Int64))
        .select(VERSIONS.names())
    )
    stored = read(connection, sa.select(rule.id, *(rule[name] for name in RULES if name != "rule_id")), RULES)
    unaudited = stored.join(edits, on="rule_id", how="anti").with_columns(since=pl.lit(0, pl.Int64), until=pl.lit(None, pl.Int64))
    return pl.concat([audited, unaudited.select(VERSIONS.names())]).filter(mine)


def demand(
    connection: Connection, channel_locations: pl.DataFrame, channel_id: str, skus: Collection[str] | None, since: int, until: int
) -> Demand:
    """The channel's orders placed from `since` to before `until` (microseconds since 1970), and the pools of what they need.

    `skus`: only these (kits too); None: all. `channel_locations` as `catalog.CHANNEL_LOCATIONS`. Read it in one transaction, for levels
    and what led to them must be of one moment.
    """
    parts = read(connection, _part_query(), PARTS)
    asked = None if skus is None else sorted(skus)
    needed = None if asked is None else _needed(asked, parts)
    touching = None if needed is None else sorted({*needed, *parts.filter(pl.col("component_sku").is_in(needed))["sku"]})
    serving = channel_locations.filter(pl.col("channel_id") == channel_id)["location_id"].to_list()
    sharers = sharing(channel_locations).filter(pl.col("other_id") == channel_id)["channel_id"].to_list() or [channel_id]
    from_then = since - LONGEST_DELAY
    gone = _gone(connection, touching, from_then, _belongs(channel_locations, serving, sharers))
    changes = pl.concat(
        [
            _exploded(_placed(connection, gone, serving, sharers, touching, from_then), parts),
            _exploded(gone.filter("belongs").with_columns(line_id=pl.lit(0, pl.Int64)), parts),
            _moves(connection, needed, from_then, serving).with_columns(line_id=pl.lit(0, pl.Int64)).select(CHANGES.names()),
        ]
    )
    orders = _own(connection, channel_id, asked, since, until)
    return Demand(
        orders=orders.with_columns(delay=_told(pl.col("delay"))).select(ORDERS.names()),
        cancelled=gone.join(orders.select("line_id"), on="line_id", how="semi").select(CANCELLED.names()),
        changes=changes if needed is None else changes.filter(pl.col("sku").is_in(needed)),
        pools=_pools(connection, needed, serving, sharers),
        parts=parts,
    )


def _told(delay: pl.Expr) -> pl.Expr:
    """Delays; where an order's own is not known, the median of the others'; 0 if none is."""
    known = pl.when(delay.is_between(0, LONGEST_DELAY)).then(delay)
    return known.fill_null(known.median().cast(pl.Int64)).fill_null(0)


def _needed(skus: list[str], parts: pl.DataFrame) -> list[str]:
    of_kits = parts.filter(pl.col("sku").is_in(skus))["component_sku"].to_list()
    return sorted({*skus, *of_kits} - set(parts["sku"].to_list()))


def _part_query() -> sa.Executable:
    c = kit_component.c
    return sa.select(c.kit_sku, c.kit_version, c.component_sku, c.quantity)


def _belongs(channel_locations: pl.DataFrame, serving: list[str], sharers: list[str]) -> pl.Expr:
    """Whether a line's cancelled units are taken to have been tied to the channel's pool."""
    first = channel_locations.sort("priority").unique("channel_id", keep="first", maintain_order=True)
    near = first.filter(pl.col("location_id").is_in(serving) & pl.col("channel_id").is_in(sharers))["channel_id"].to_list()
    return (
        pl.when(pl.col("location_id").is_not_null()).then(pl.col("location_id").is_in(serving)).otherwise(pl.col("channel_id").is_in(near))
    )


def _own(connection: Connection, channel_id: str, skus: list[str] | None, since: int, until: int) -> pl.DataFrame:
    line = order_line.c
    query = (
        sa.select(line.id, line.sku, line.kit_version, line.external_sku, line.placed_at, line.quantity)
        .add_columns(event.c.received_at - event.c.occurred_at)
        .join_from(order_line, event, event.c.id == line.event_id)
        .where(line.placed_at >= since, line.placed_at < until, line.channel_id == channel_id)
    )
    return read(connection, stock.among(query, line.sku, skus), _OWN)


def _placed(
    connection: Connection, gone: pl.DataFrame, serving: list[str], sharers: list[str], skus: list[str] | None, since: int
) -> pl.DataFrame:
    """What placing each line took from the pool: its units that shipped from, or are allocated at, the channel's locations; of channels
    that share one of them, its backordered units; and its units that were cancelled since.
    """
    line, sent, held = order_line.c, shipment.c, allocation.c
    columns: list[sa.ColumnElement[Any]] = [line.id, line.sku, line.kit_version, line.placed_at]
    shipped = (
        sa.select(*columns, sent.quantity)
        .join_from(order_line, shipment, sent.line_id == line.id)
        .where(line.placed_at >= since, sent.location_id.in_(serving), sent.moves_stock)
    )
    allocated = (
        sa.select(*columns, held.quantity)
        .join_from(order_line, allocation, held.line_id == line.id)
        .where(stock.IS_OPEN, line.placed_at >= since, held.location_id.in_(serving))
    )
    # + 0: so that the few open lines are found by their own index, not among all that were placed since
    waiting = sa.select(*columns, line.backordered_quantity).where(
        stock.IS_OPEN, line.placed_at + 0 >= since, line.backordered_quantity > 0, line.channel_id.in_(sharers)
    )
    cancelled = gone.filter(pl.col("belongs") & (pl.col("placed_at") >= since)).with_columns(at="placed_at").select(_TIED.names())
    frames = [read(connection, stock.among(query, line.sku, skus), _TIED) for query in (shipped, allocated, waiting)]
    tied = pl.concat([*frames, cancelled]).group_by("line_id", "sku", "kit_version", "at").agg(units=-pl.col("units").sum())
    return tied.select(_TIED.names())


def _gone(connection: Connection, skus: list[str] | None, since: int, belongs: pl.Expr) -> pl.DataFrame:
    """Units cancelled before they shipped, as far as what was open allowed; with `belongs`."""
    line, c = order_line.c, cancellation.c
    query = (
        sa.select(line.id, line.sku, line.kit_version, line.channel_id, line.placed_at, line.location_id)
        .add_columns(line.quantity - line.shipped_quantity, c.cancelled_at, c.quantity)
        .join_from(order_line, cancellation, c.line_id == line.id)
        .where(c.cancelled_at >= since)
        .order_by(line.id, c.cancelled_at, c.id)
    )
    allowed = pl.min_horizontal(pl.col("units").cum_sum().over("line_id"), pl.col("unshipped").clip(lower_bound=0))
    return (
        read(connection, stock.among(query, line.sku, skus), _GONE)
        .with_columns(allowed=allowed)
        .with_columns(units=pl.col("allowed") - pl.col("allowed").shift(1, fill_value=0).over("line_id"), belongs=belongs)
        .filter(pl.col("units") > 0)
    )


def _exploded(rows: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """`CHANGES` of stocked SKUs: kits as their components."""
    kits = (
        rows.filter(pl.col("kit_version") > 0)
        .join(parts, on=["sku", "kit_version"])
        .with_columns(sku="component_sku", units=pl.col("units") * pl.col("quantity"))
    )
    return pl.concat([part.select(CHANGES.names()) for part in (rows.filter(pl.col("kit_version") == 0), kits)])


def _moves(connection: Connection, skus: list[str] | None, since: int, serving: list[str]) -> pl.DataFrame:
    move = stock_movement.c
    query = sa.select(move.sku, move.occurred_at, move.quantity).where(
        move.occurred_at >= since, move.location_id.in_(serving), move.state == "sellable", move.kind != "shipment"
    )
    return read(connection, stock.among(query, move.sku, skus), _MOVES)


def _pools(connection: Connection, skus: list[str] | None, serving: list[str], sharers: list[str]) -> pl.DataFrame:
    here = stock.levels(connection, skus).filter(pl.col("location_id").is_in(serving))
    free = here.group_by("sku").agg(pool=(pl.col("on_hand") - pl.col("unsellable") - pl.col("allocated")).sum())
    owed = stock.backorders(connection, skus).filter(pl.col("channel_id").is_in(sharers)).group_by("sku").agg(pl.col("backordered").sum())
    return free.join(owed, on="sku", how="full", coalesce=True).select(
        "sku", pool=pl.col("pool").fill_null(0) - pl.col("backordered").fill_null(0)
    )

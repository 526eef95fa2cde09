"""Buffer rules, reservations and listings' maxima as the store has them, and the history of one."""

from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.buffers import RESERVATIONS, RULES
from data_access.engine import reading
from data_access.schema.audit import audit_entry
from data_access.schema.buffers import buffer_rule, channel_reservation, reservation_channel, reservation_location
from data_access.schema.catalog import listing
from data_access.store.frames import MICROS, read

HISTORY: Final = pl.Schema(
    {
        "audit_id": pl.Int64,
        "at": MICROS,
        "actor": pl.String,
        "action": pl.String,
        "before": pl.String,  # JSON; null if it was new
        "after": pl.String,  # JSON; null if it is gone
        "why": pl.String,
    }
)
RESERVATION_ROWS: Final = pl.Schema(
    {
        "reservation_id": pl.Int64(),
        "sku": pl.String(),
        "units": pl.Int64(),  # null: all
        "channel_ids": pl.List(pl.String),  # for whom, sorted
        "location_ids": pl.List(pl.String),  # sorted; empty: at all that serve them
        "reason": pl.String(),
        "ends_at": pl.Int64(),  # microseconds since 1970; null: no end
        "version": pl.Int64(),
    }
)
LISTING_MAXIMA: Final = pl.Schema(
    {
        "listing_id": pl.Int64,
        "channel_id": pl.String,
        "external_sku": pl.String,
        "sku": pl.String,
        "maximum": pl.Int64,  # units; null: no cap
        "version": pl.Int64,  # the listing's
    }
)
_RESERVED: Final = pl.Schema({name: RESERVATION_ROWS[name] for name in ("reservation_id", "sku", "units", "reason", "ends_at", "version")})
_FOR_WHOM: Final = pl.Schema({"reservation_id": pl.Int64, "channel_ids": pl.String})
_WHERE: Final = pl.Schema({"reservation_id": pl.Int64, "location_ids": pl.String})


def rules(bind: Connection | Engine) -> pl.DataFrame:
    """`domain.buffers.RULES`: every rule, ended ones too, in the order of their scopes."""
    c = buffer_rule.c
    columns = [c.id, *(c[name] for name in RULES if name != "rule_id")]
    return read(bind, sa.select(*columns).order_by(c.scope), RULES)


def reservations(bind: Connection | Engine) -> pl.DataFrame:
    """`domain.buffers.RESERVATIONS`: every reservation, ended ones too, in the order of their SKUs."""
    return reservation_rows(bind).select(RESERVATIONS.names())


def reservation_rows(bind: Connection | Engine) -> pl.DataFrame:
    """`RESERVATION_ROWS`: every reservation, ended ones too, by SKU and id."""
    if isinstance(bind, Engine):
        with reading(bind) as connection:  # one snapshot: a reservation without its channels would be for nobody
            return reservation_rows(connection)
    own, whom, where = channel_reservation.c, reservation_channel.c, reservation_location.c
    stored = read(bind, sa.select(own.id, own.sku, own.units, own.reason, own.ends_at, own.version), _RESERVED)
    channels = read(bind, sa.select(whom.reservation_id, whom.channel_id), _FOR_WHOM)
    locations = read(bind, sa.select(where.reservation_id, where.location_id), _WHERE)
    for part in (channels, locations):
        listed = part.group_by("reservation_id").agg(pl.all().sort())
        stored = stored.join(listed, on="reservation_id", how="left")
    lists = pl.col("channel_ids", "location_ids").fill_null([])
    return stored.with_columns(lists).select(RESERVATION_ROWS.names()).sort("sku", "reservation_id")


def listings(bind: Connection | Engine) -> pl.DataFrame:
    """`LISTING_MAXIMA`: every listing that is mapped to a SKU, by channel and its id there."""
    c = listing.c
    maxima = read(bind, sa.select(*(c[name] for name in LISTING_MAXIMA)).where(c.sku.is_not(None)), LISTING_MAXIMA)
    return maxima.sort("channel_id", "external_sku")


def history(bind: Connection | Engine, entity_id: int, limit: int = 50, entity: str = "buffer_rule") -> pl.DataFrame:
    """`HISTORY` of one thing (a buffer_rule, reservation or listing_maximum, by its row id), the newest first."""
    c = audit_entry.c
    query = sa.select(c.id, c.at, c.actor, c.action, c.before, c.after, c.why)
    own = query.where(c.entity == entity, c.entity_id == str(entity_id))
    return read(bind, own.order_by(c.at.desc(), c.id.desc()).limit(limit), HISTORY)

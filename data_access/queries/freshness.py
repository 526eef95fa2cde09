"""How fresh each channel's data are."""

from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.schema.channels import channel, channel_state
from data_access.schema.stock import event
from data_access.store.frames import MICROS, read

SYNCED: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "name": pl.String,
        "position": pl.Int64,
        "synced_until": MICROS,
        "stale_after_seconds": pl.Int64,
        "parked": pl.Int64,
    }
)
FRESHNESS: Final = pl.Schema(
    {
        "channel_id": pl.String,
        "name": pl.String,
        "position": pl.Int64,
        "synced_until": MICROS,  # null: nothing ever came in
        "age_seconds": pl.Float64,
        "stale_after_seconds": pl.Int64,
        "is_stale": pl.Boolean,
        "parked": pl.Int64,  # events of the channel that wait for something
    }
)


def synced(bind: Connection | Engine) -> pl.DataFrame:
    """`SYNCED` by position: what the age is counted from."""
    waiting = (
        sa.select(event.c.channel_id, sa.cast(sa.func.count(), sa.BigInteger).label("parked"))
        .where(event.c.status == sa.literal_column("'parked'"))
        .group_by(event.c.channel_id)
        .subquery()
    )
    statement = (
        sa.select(
            channel.c.channel_id,
            channel.c.name,
            channel.c.position,
            channel_state.c.synced_until,
            channel.c.stale_after_seconds,
            sa.func.coalesce(waiting.c.parked, 0),
        )
        .join(channel_state, channel_state.c.channel_id == channel.c.channel_id, isouter=True)
        .join(waiting, waiting.c.channel_id == channel.c.channel_id, isouter=True)
        .order_by(channel.c.position, channel.c.channel_id)
    )
    return read(bind, statement, SYNCED)


def aged(synced: pl.DataFrame, now: int) -> pl.DataFrame:
    """`FRESHNESS` from `SYNCED` as of `now` (microseconds since 1970). A channel that nothing ever came from is stale."""
    age = (pl.lit(now, pl.Int64) - pl.col("synced_until").cast(pl.Int64)).clip(lower_bound=0) / 1_000_000
    return (
        synced.with_columns(age_seconds=age)
        .with_columns(is_stale=(pl.col("age_seconds") > pl.col("stale_after_seconds")).fill_null(True))
        .select(FRESHNESS.names())
    )

"""What a demo company shipped and what came back, by day, and the frames of `domain.returns.units` as of any day of its history."""

import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from data_access.demo import build_demo
from data_access.domain.returns.units import RETURNED, SHIPPED
from data_access.domain.returns.usual import with_category
from data_access.engine import open_engine
from data_access.schema.catalog import product
from data_access.schema.channels import channel
from data_access.schema.orders import order_line, shipment
from data_access.schema.returns import return_line
from data_access.store.frames import read

AS_OF = date(2026, 9, 30)
SENT = pl.Schema({"line_id": pl.Int64, "channel_id": pl.String, "sku": pl.String, "units": pl.Int64, "at": pl.Datetime("us", "UTC")})
CAME = pl.Schema({"line_id": pl.Int64, "reason": pl.String, "units": pl.Int64, "at": pl.Datetime("us", "UTC")})


@dataclass(frozen=True, slots=True)
class ReturnsHistory:
    """`shipped`: a row per shipment of a line; `returned`: per receipt. `shipped_on` (of what came back: the line's first) and
    `received_on` are the channel's days; `ship_week` is that of the line's first shipment.
    """

    shipped: pl.DataFrame
    returned: pl.DataFrame

    def frames(self, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
        """`SHIPPED` and `RETURNED` with categories: what was shipped until the end of a day, and all that ever came back of it."""
        sent = self.shipped.filter(pl.col("shipped_on") <= day)
        back = self.returned.filter(pl.col("shipped_on") <= day)
        keys = [[name for name in (*schema, "category") if name != "units"] for schema in (SHIPPED, RETURNED)]
        shipped, returned = (rows.group_by(by).agg(pl.col("units").sum()) for rows, by in zip((sent, back), keys, strict=True))
        return shipped, returned


def history(size: str, seed: int) -> ReturnsHistory:
    """Make a demo and read it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "demo.db"
        build_demo(path, size, seed, AS_OF, Path(folder))
        engine = open_engine(f"sqlite:///{path}")
        line = order_line.c
        sent = sa.select(line.id, line.channel_id, line.sku, shipment.c.quantity, shipment.c.shipped_at).join_from(
            shipment, order_line, shipment.c.line_id == line.id
        )
        back = sa.select(*(return_line.c[name] for name in ("line_id", "return_reason", "quantity", "received_at")))
        zones = read(engine, sa.select(channel.c.channel_id, channel.c.time_zone), pl.Schema({"channel_id": pl.String, "zone": pl.String}))
        shipments, receipts = read(engine, sent, SENT), read(engine, back, CAME)
        categories = read(engine, sa.select(product.c.sku, product.c.category), pl.Schema({"sku": pl.String, "category": pl.String}))
        engine.dispose()
    zone_of = dict(zones.iter_rows())
    first = _days(shipments, zone_of).with_columns(first=pl.col("on").min().over("line_id"))
    shipped = first.with_columns(ship_week=pl.col("first").dt.truncate("1w"), shipped_on="on")
    lines = shipped.group_by("line_id").agg(pl.col("channel_id", "sku", "ship_week").first(), pl.col("shipped_on").min())
    returned = _days(receipts.join(lines, on="line_id"), zone_of).rename({"on": "received_on"})
    return ReturnsHistory(with_category(shipped, categories), with_category(returned, categories))


def _days(rows: pl.DataFrame, zone_of: dict[str, str]) -> pl.DataFrame:
    """`on`: the day of `at` in the channel's time zone."""
    zones = sorted(set(zone_of.values()))
    local = [
        pl.when(pl.col("channel_id").replace_strict(zone_of) == zone).then(pl.col("at").dt.convert_time_zone(zone).dt.date())
        for zone in zones
    ]
    return rows.with_columns(on=pl.coalesce(local))

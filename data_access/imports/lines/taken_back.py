"""Rows that are known, of lines that are gone: they repeated what an import told that was taken back since."""

from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.imports.files.mapping import Mapping
from data_access.schema.audit import import_run
from data_access.schema.orders import order_charge, order_line, sales_order
from data_access.schema.stock import event
from data_access.store.frames import read
from data_access.write.bulk import in_values

_KEY: Final = pl.Schema({"role": pl.String, "order_ref": pl.String, "line_ref": pl.String})


def with_lost_rows(connection: Connection, rows: pl.DataFrame, mapping: Mapping, source: str, run_id: int) -> pl.DataFrame:
    """Rows of a file, those of them with an event of their own that are known and whose line or charge is in the store no more."""
    if connection.execute(sa.select(import_run.c.id).where(import_run.c.status == "undone").limit(1)).first() is None:
        return rows
    ours = rows.filter(pl.col("code").is_null() & pl.col("role").is_in(["line", "charge"])).select(*_KEY.names(), "event_ref", "position")
    lost = ours.join(_stored(connection, mapping.channel.id, ours["order_ref"].unique().to_list()), on=_KEY.names(), how="anti")
    refs = in_values(connection, event.c.event_id, lost["event_ref"].to_list())
    seen = sa.select(event.c.event_id).where(event.c.source == source, refs)
    lost = lost.join(read(connection, seen, pl.Schema({"event_ref": pl.String})), on="event_ref", how="semi")
    own = pl.format("{}|again|{}", "event_ref", pl.lit(run_id))
    is_lost = pl.col("position").is_in(lost["position"].implode())
    return rows.with_columns(event_ref=pl.when(is_lost).then(own).otherwise("event_ref"))


def _stored(connection: Connection, channel_id: str, order_refs: list[str]) -> pl.DataFrame:
    """`_KEY` of the lines and charges of these orders."""
    o, line, charge = sales_order.c, order_line.c, order_charge.c
    lines = (
        sa.select(sa.literal("line"), o.order_ref, line.line_ref)
        .join_from(order_line, sales_order, line.order_id == o.id)
        .where(o.channel_id == channel_id, in_values(connection, o.order_ref, order_refs))
    )
    charges = sa.select(sa.literal("charge"), charge.order_ref, charge.line_ref).where(
        charge.channel_id == channel_id, in_values(connection, charge.order_ref, order_refs)
    )
    return pl.concat([read(connection, query, _KEY) for query in (lines, charges)])

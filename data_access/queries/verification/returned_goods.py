"""Returned goods: what receipts and inspections moved adds up to what return lines say became of their units."""

from collections import Counter
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.domain.returns.fates import STATES, steps_of, units_of
from data_access.schema.catalog import kit_component, product
from data_access.schema.orders import order_line
from data_access.schema.returns import return_line
from data_access.schema.stock import stock_movement
from data_access.store.frames import read
from data_access.store.rebuilding import units

KINDS: Final = ("return_received", "restock", "discard")
_KEY: Final = ("sku", "location_id", "state")
_UNITS: Final = pl.Schema({"sku": pl.String, "location_id": pl.String, "state": pl.String, "units": pl.Int64})
_STEPS: Final = pl.Schema(
    {
        "sku": pl.String,
        "location_id": pl.String,
        "quantity": pl.Int64,
        "per": pl.Int64,
        "disposition": pl.String,
        "inspected_at": pl.Int64,
        "fates": pl.String,
    }
)
_r, _k, _m = return_line.c, kit_component.c, stock_movement.c


def returned_goods(connection: Connection) -> tuple[int, list[dict[str, Any]]]:
    """How many sums by SKU, location and state were compared; and those that differ: `stored` of movements, `rebuilt` from return lines."""
    moved = sa.select(_m.sku, _m.location_id, _m.state, units(_m.quantity)).where(_m.kind.in_(KINDS))
    stored = read(connection, moved.group_by(_m.sku, _m.location_id, _m.state), _UNITS)
    both = stored.join(_expected(connection), on=_KEY, how="full", coalesce=True).with_columns(pl.col("units", "expected").fill_null(0))
    differing = both.filter(pl.col("units") != pl.col("expected")).sort(_KEY)
    return both.height, [
        {"figure": "returned_goods", "key": " ".join(row[name] for name in _KEY), "stored": row["units"], "rebuilt": row["expected"]}
        for row in differing.iter_rows(named=True)
    ]


def _expected(connection: Connection) -> pl.DataFrame:
    # what moves is what the order line is made of, also where a file called the returned goods otherwise
    sold_as, kit_version = sa.func.coalesce(order_line.c.sku, _r.sku), sa.func.coalesce(order_line.c.kit_version, product.c.kit_version)
    sku, per = sa.func.coalesce(_k.component_sku, sold_as), sa.func.coalesce(_k.quantity, 1)
    lines = (
        return_line.join(product, product.c.sku == _r.sku)
        .outerjoin(order_line, order_line.c.id == _r.line_id)
        .outerjoin(kit_component, sa.and_(_k.kit_sku == sold_as, _k.kit_version == kit_version, kit_version > 0))
    )
    state = sa.case((_r.disposition == "restock", "sellable"), else_="unsellable")
    at_once = (
        sa.select(sku, _r.location_id, state, units(_r.quantity * per))
        .select_from(lines)
        .where(_r.moves_stock, _r.fates.is_(None), sa.func.coalesce(_r.disposition, "") != "discard")
        .group_by(sku, _r.location_id, state)
    )
    by_steps = (
        sa.select(sku, _r.location_id, _r.quantity, per, _r.disposition, _r.inspected_at, _r.fates)
        .select_from(lines)
        .where(_r.moves_stock, _r.fates.is_not(None))
    )
    # steps are JSON, of few lines: one by one
    counted: Counter[tuple[str, str, str]] = Counter()
    for line in read(connection, by_steps, _STEPS).iter_rows(named=True):
        components = ((line["sku"], line["per"]),)
        steps = [step for step in steps_of(line, components) if step.sku == line["sku"]]
        for (_, fate), count in units_of(line["quantity"], components, steps).items():
            kept = STATES[fate]
            if kept is not None:
                counted[line["sku"], line["location_id"], kept] += count
    stepped = pl.DataFrame([(*key, count) for key, count in counted.items()], schema=_UNITS, orient="row")
    return pl.concat([read(connection, at_once, _UNITS), stepped]).group_by(_KEY).agg(expected=pl.col("units").sum())

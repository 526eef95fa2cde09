"""Returned units that wait for a person: those to be inspected, and those that are refurbished; and what was decided of late."""

from contextlib import AbstractContextManager, nullcontext
from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.returns.fates import Fate, steps_of, units_of
from data_access.domain.returns.reasons import GIVEN, OWN, resolve, taxonomy
from data_access.domain.returns.rules import OWN_RULES, days_outside, defaults, with_rules
from data_access.domain.scorecards.days import zones
from data_access.engine import reading
from data_access.queries.returns.picture import decisions as decisions_on_codes
from data_access.queries.returns.picture import holds, own_rules
from data_access.queries.scorecards import zones as channel_zones
from data_access.schema.audit import audit_entry
from data_access.schema.catalog import kit_component, product
from data_access.schema.channels import channel
from data_access.schema.orders import order_line, sales_order, shipment
from data_access.schema.returns import OPEN, return_case, return_line
from data_access.schema.stock import backorder_level, stock_level
from data_access.store.frames import MICROS, read

QUEUE: Final = pl.Schema(
    {
        "return_id": pl.Int64,
        "sku": pl.String,
        "name": pl.String,
        "units": pl.Int64,
        "category": pl.String,
        "channel_id": pl.String,
        "order_ref": pl.String,
        "return_ref": pl.String,
        "location_id": pl.String,
        "received_at": MICROS,
        "sold_as": pl.String,
        "reason": pl.String,
        "reason_code": pl.String,
        "customer_note": pl.String,
        "inspect_days": pl.Int64,
        "window_days": pl.Int64,
        "outside_days": pl.Int64,
        "condition": pl.String,
        "held": pl.String,
        "backordered": pl.Int64,
        "free": pl.Int64,
        "version": pl.Int64,
    }
)
"""One row a return line and stocked SKU with `units` of one fate, the one that is needed soonest first: of SKUs that customers wait for
and that nobody can be sold now, then the longest waiting.

`sku`: as stocked, `sold_as`: as sold, which may be a kit. `reason`: what the customer's code and words mean by the rules of now.
`inspect_days`, `window_days`, `condition`: the rule that holds (`domain.returns.rules.RULE`); `outside_days`: by how many days it was asked
for after its window had ended. `held`: why the SKU is held at inspection. `backordered`: units of the SKU that customers wait for; `free`:
sellable units of it that nobody ordered, at all locations. `version`: for `commands.inspection.UnitDecision`."""

DECISIONS: Final = pl.Schema(
    {
        "audit_id": pl.Int64,
        "at": MICROS,
        "actor": pl.String,
        "action": pl.String,
        "before": pl.String,
        "after": pl.String,
        "why": pl.String,
        "return_id": pl.Int64,
        "channel_id": pl.String,
        "return_ref": pl.String,
        "sku": pl.String,
        "quantity": pl.Int64,
    }
)
"""One row an audit entry. `before`, `after`: the columns of `return_line` that it changed, as JSON."""

_r, _k = return_line.c, kit_component.c
_LINES: Final = pl.Schema(
    {
        "return_id": pl.Int64,
        "sku": pl.String,
        "channel_id": pl.String,
        "order_ref": pl.String,
        "return_ref": pl.String,
        "location_id": pl.String,
        "received_at": MICROS,
        "sold_as": pl.String,
        "reason_code": pl.String,
        "return_reason": pl.String,
        "customer_note": pl.String,
        "category": pl.String,
        "marketplace": pl.String,
        "requested_at": MICROS,
        "shipped_at": MICROS,
        "delivered_at": MICROS,
        "quantity": pl.Int64,
        "per": pl.Int64,
        "disposition": pl.String,
        "inspected_at": pl.Int64,
        "fates": pl.String,
    }
)
CHUNK: Final = 500  # SKUs in one question
_NEEDS: Final = pl.Schema({"sku": pl.String, "name": pl.String, "backordered": pl.Int64, "free": pl.Int64})


def waiting(bind: Connection | Engine) -> pl.DataFrame:
    """Units that wait for inspection, by `QUEUE`."""
    with _at_once(bind) as connection:
        return _queue(connection, _r.inspected_at.is_(None), "waiting")


def refurbished(bind: Connection | Engine) -> pl.DataFrame:
    """Units that are being refurbished, by `QUEUE`."""
    with _at_once(bind) as connection:
        return _queue(connection, sa.or_(_r.disposition == "refurbish", _r.fates.is_not(None)), "refurbish")


def of_package(bind: Connection | Engine, tracking_number: str) -> pl.DataFrame:
    """return_id of what came back of a package, or in one, that was sent with this tracking number."""
    sent, case = shipment.c, return_case.c
    of_sent = sa.select(_r.id).join(shipment, sent.line_id == _r.line_id).where(sent.tracking_number == tracking_number)
    of_case = sa.and_(case.channel_id == _r.channel_id, case.return_ref == _r.return_ref)
    sent_back = sa.select(_r.id).join(return_case, of_case).where(case.tracking_number == tracking_number)
    return read(bind, of_sent.union(sent_back), pl.Schema({"return_id": pl.Int64}))


def decisions(bind: Connection | Engine, limit: int = 200) -> pl.DataFrame:
    """`DECISIONS`: what people decided last, the newest first."""
    a = audit_entry.c
    query = (
        sa.select(a.id, a.at, a.actor, a.action, a.before, a.after, a.why, _r.id, _r.channel_id, _r.return_ref, _r.sku, _r.quantity)
        .join_from(audit_entry, return_line, _r.id == sa.cast(sa.case((a.entity == "return", a.entity_id)), sa.BigInteger))
        .where(a.entity == "return")
        .order_by(a.at.desc(), a.id.desc())
        .limit(limit)
    )
    return read(bind, query, DECISIONS)


def _at_once(bind: Connection | Engine) -> AbstractContextManager[Connection]:
    """One snapshot for several questions."""
    return nullcontext(bind) if isinstance(bind, Connection) else reading(bind)


def _queue(connection: Connection, which: sa.ColumnElement[bool], fate: Fate) -> pl.DataFrame:
    sold_as, sent = sa.func.coalesce(order_line.c.sku, _r.sku), shipment.c
    kit_version = sa.func.coalesce(order_line.c.kit_version, product.c.kit_version)
    query = (
        sa.select(
            _r.id,
            sa.func.coalesce(_k.component_sku, sold_as),
            _r.channel_id,
            sales_order.c.order_ref,
            _r.return_ref,
            _r.location_id,
            _r.received_at,
            sold_as,
            _r.reason_code,
            _r.return_reason,
            _r.customer_note,
            product.c.category,
            channel.c.marketplace,
            _r.requested_at,
            sa.select(sa.func.max(sent.shipped_at)).where(sent.line_id == _r.line_id).scalar_subquery(),
            sa.select(sa.func.max(sent.delivered_at)).where(sent.line_id == _r.line_id).scalar_subquery(),
            _r.quantity,
            sa.func.coalesce(_k.quantity, 1),
            _r.disposition,
            _r.inspected_at,
            _r.fates,
        )
        .select_from(return_line)
        .join(product, product.c.sku == _r.sku)
        .join(channel, channel.c.channel_id == _r.channel_id)
        .join(order_line, order_line.c.id == _r.line_id, isouter=True)
        .join(sales_order, sales_order.c.id == order_line.c.order_id, isouter=True)
        .join(kit_component, sa.and_(_k.kit_sku == sold_as, _k.kit_version == kit_version, kit_version > 0), isouter=True)
        .where(sa.text(OPEN), which, _r.moves_stock)
    )
    lines = read(connection, query, _LINES)
    at_once = lines.filter(pl.col("fates").is_null()).with_columns(
        units=pl.col("quantity") * pl.col("per"),
        version=pl.when(pl.col("inspected_at").is_null()).then(0).otherwise(pl.len().over("return_id")),
    )
    queue = pl.concat([at_once, _by_steps(lines.filter(pl.col("fates").is_not_null()), fate)], how="diagonal_relaxed")
    queue = with_rules(queue, own_rules(connection).select(OWN_RULES.names()), defaults())
    outside = days_outside(queue, zones(channel_zones(connection)))
    held = dict(holds(connection).select("sku", "why").iter_rows())
    why = [pl.col(name).replace_strict(held, default=None, return_dtype=pl.String) for name in ("sku", "sold_as")]
    queue = queue.with_columns(outside, held=pl.coalesce(why), reason=_reasons(connection, queue))
    needs = _needs(connection, queue["sku"].unique().to_list())
    order = pl.col("backordered") > 0, pl.col("free") <= 0
    return (
        queue.join(needs, on="sku", how="left")
        .with_columns(pl.col("backordered", "free").fill_null(0))
        .sort(order[0] & order[1], "received_at", "return_id", "sku", descending=[True, False, False, False])
        .select(QUEUE.names())
        .cast(QUEUE)
    )


def _by_steps(lines: pl.DataFrame, fate: Fate) -> pl.DataFrame:
    """Lines that were decided on unit by unit, with the units that are still of a fate; there are few, so one by one."""
    rows = []
    for line in lines.iter_rows(named=True):
        components = [(line["sku"], line["per"])]
        steps = [step for step in steps_of(line, components) if step.sku == line["sku"]]
        rows.append((units_of(line["quantity"], components, steps)[line["sku"], fate], len(steps_of(line, components))))
    decided = pl.DataFrame(rows, schema={"units": pl.Int64, "version": pl.Int64}, orient="row")
    return pl.concat([lines, decided], how="horizontal").filter(pl.col("units") > 0)


def _reasons(connection: Connection, queue: pl.DataFrame) -> pl.Series:
    """Why each came back, in words."""
    given = queue.select(GIVEN.names())
    resolved = resolve(given, decisions_on_codes(connection).select(OWN.names()).drop_nulls("means"), taxonomy())
    names = {one: reason.name for one, reason in taxonomy().reasons.items()}
    given_as = pl.coalesce("reason_code", "return_reason")
    return resolved.select(pl.col("reason").replace_strict(names, default=given_as, return_dtype=pl.String)).to_series()


def _needs(connection: Connection, skus: list[str]) -> pl.DataFrame:
    """By SKU: its name, units that customers wait for, and sellable units that nobody ordered."""
    level, waits = stock_level.c, backorder_level.c
    free = sa.func.sum(level.on_hand - level.unsellable - level.allocated)
    backordered = sa.select(sa.func.sum(waits.backordered)).where(waits.sku == product.c.sku).scalar_subquery()
    there = sa.select(free).where(level.sku == product.c.sku).scalar_subquery()
    whole = sa.BigInteger
    query = sa.select(
        product.c.sku, product.c.name, sa.cast(sa.func.coalesce(backordered, 0), whole), sa.cast(sa.func.coalesce(there, 0), whole)
    )
    frames = [read(connection, query.where(product.c.sku.in_(skus[first : first + CHUNK])), _NEEDS) for first in range(0, len(skus), CHUNK)]
    return pl.concat(frames) if frames else _NEEDS.to_frame()

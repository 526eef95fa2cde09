"""Returns that were asked for and did not come in yet, with the rule that holds for each."""

from typing import Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from data_access.domain.returns.rules import OWN_RULES, RULE, days_outside, defaults, with_rules
from data_access.domain.scorecards.days import zones
from data_access.queries.returns.picture import NO_CATEGORY, own_rules
from data_access.queries.scorecards import zones as channel_zones
from data_access.schema.catalog import product
from data_access.schema.channels import channel
from data_access.schema.orders import order_line, sales_order, shipment
from data_access.schema.returns import EXPECTED, return_case, return_line, return_request
from data_access.store.frames import MICROS, read

REQUESTS: Final = pl.Schema(
    {
        "case_id": pl.Int64,
        "channel_id": pl.String,
        "return_ref": pl.String,
        "order_ref": pl.String,
        "sku": pl.String,
        "category": pl.String,
        "units": pl.Int64,
        "requested_at": MICROS,
        "decision": pl.String,
        "decided_at": MICROS,
        "decision_reason": pl.String,
        "sent_at": MICROS,
        "carrier": pl.String,
        "tracking_number": pl.String,
        "refunded_at": MICROS,
        "reason_code": pl.String,
        "return_reason": pl.String,
        "customer_note": pl.String,
        "outside_days": pl.Int64,
        **RULE,
    }
)
"""One row a line that was asked for, the longest waiting first. `sku`: as sold. `outside_days`: by how many days it was asked for after its
window had ended, null if it was not. The last columns: the rule that holds (`domain.returns.rules.RULE`)."""

_c, _q = return_case.c, return_request.c
_ROWS: Final = pl.Schema(
    {
        **{name: kind for name, kind in REQUESTS.items() if name not in ("outside_days", *RULE)},
        "marketplace": pl.String,
        "shipped_at": MICROS,
        "delivered_at": MICROS,
    }
)


def expected(bind: Connection | Engine) -> pl.DataFrame:
    """`REQUESTS` that are neither received nor closed, also those that were refused."""
    sent = shipment.c
    came_in = sa.exists().where(return_line.c.channel_id == _c.channel_id, return_line.c.return_ref == _c.return_ref)
    query = (
        sa.select(
            _c.id,
            _c.channel_id,
            _c.return_ref,
            sales_order.c.order_ref,
            order_line.c.sku,
            sa.func.coalesce(product.c.category, NO_CATEGORY),
            _q.quantity,
            *(_c[name] for name in REQUESTS.names()[7:15]),
            _q.reason_code,
            _q.return_reason,
            _q.customer_note,
            channel.c.marketplace,
            sa.select(sa.func.max(sent.shipped_at)).where(sent.line_id == _q.line_id).scalar_subquery(),
            sa.select(sa.func.max(sent.delivered_at)).where(sent.line_id == _q.line_id).scalar_subquery(),
        )
        .join_from(return_case, return_request, _q.case_id == _c.id)
        .join(order_line, order_line.c.id == _q.line_id)
        .join(sales_order, sales_order.c.id == order_line.c.order_id)
        .join(product, product.c.sku == order_line.c.sku)
        .join(channel, channel.c.channel_id == _c.channel_id)
        .where(sa.text(EXPECTED), ~came_in)
        .order_by(_c.requested_at, _c.id, _q.id)
    )
    rows = with_rules(read(bind, query, _ROWS), own_rules(bind).select(OWN_RULES.names()), defaults())
    rows = rows.with_columns(received_at=pl.lit(None, MICROS))
    return rows.with_columns(days_outside(rows, zones(channel_zones(bind)))).select(REQUESTS.names())

"""The facts of history: what was ordered, shipped, cancelled and returned, as flat frames. The mirror keeps them, the domain reads them.

Every fact carries its order, its channel and when the order was placed, so that each month of placing stands by itself. Times are UTC.
"""

from typing import Any, Final

import polars as pl

MICROS: Final[Any] = pl.Datetime("us", "UTC")

ORDERS: Final = pl.Schema(
    {
        "order_id": pl.Int64,
        "channel_id": pl.String,
        "placed_at": MICROS,
        "order_ref": pl.String,
        "currency": pl.String,
        "customer_ref": pl.String,
        "destination_country": pl.String,
        "destination_region": pl.String,
        "fulfilled_by": pl.String,
    }
)
"""One row an order. `fulfilled_by`: seller or marketplace."""

LINES: Final = pl.Schema(
    {
        "line_id": pl.Int64,
        "order_id": pl.Int64,
        "channel_id": pl.String,
        "placed_at": MICROS,
        "line_ref": pl.String,
        "external_sku": pl.String,
        "sku": pl.String,
        "kit_version": pl.Int64,
        "quantity": pl.Int64,
        "unit_price": pl.Int64,
        "ship_by_at": MICROS,
        "deliver_by_at": MICROS,
        "location_id": pl.String,
        "cancelled_quantity": pl.Int64,
        "shipped_quantity": pl.Int64,
        "allocated_quantity": pl.Int64,
        "backordered_quantity": pl.Int64,
        "returned_quantity": pl.Int64,
    }
)
"""One row an order line, as the store's `order_line` has it. Money is in 1/10,000 of the order's currency."""

SHIPMENTS: Final = pl.Schema(
    {
        "shipment_id": pl.Int64,
        "line_id": pl.Int64,
        "order_id": pl.Int64,
        "channel_id": pl.String,
        "placed_at": MICROS,
        "shipment_ref": pl.String,
        "location_id": pl.String,
        "quantity": pl.Int64,
        "shipped_at": MICROS,
        "carrier": pl.String,
        "tracking_number": pl.String,
        "tracking_uploaded_at": MICROS,
        "first_scan_at": MICROS,
        "last_scan_at": MICROS,
        "delivered_at": MICROS,
        "moves_stock": pl.Boolean,
    }
)
"""Units of a line that left a location. Rows of an order with one `shipment_ref` are one package. `moves_stock` is False for imported
history from before the location's first count or opening.
"""

CANCELLATIONS: Final = pl.Schema(
    {
        "cancellation_id": pl.Int64,
        "line_id": pl.Int64,
        "order_id": pl.Int64,
        "channel_id": pl.String,
        "placed_at": MICROS,
        "quantity": pl.Int64,
        "cancelled_at": MICROS,
        "reason": pl.String,
        "cancelled_by": pl.String,
    }
)
"""Units cancelled, of a line at most those ordered. `cancelled_by`: buyer, seller, marketplace or unknown."""

RETURNS: Final = pl.Schema(
    {
        "return_id": pl.Int64,
        "line_id": pl.Int64,
        "order_id": pl.Int64,
        "channel_id": pl.String,
        "placed_at": MICROS,
        "return_ref": pl.String,
        "sku": pl.String,
        "location_id": pl.String,
        "quantity": pl.Int64,
        "requested_at": MICROS,
        "received_at": MICROS,
        "reason_code": pl.String,
        "return_reason": pl.String,
        "customer_note": pl.String,
        "inspected_at": MICROS,
        "disposition": pl.String,
        "is_disposition_assumed": pl.Boolean,
        "refund": pl.Int64,
        "currency": pl.String,
        "approved_at": MICROS,
        "refunded_at": MICROS,
    }
)
"""Units that came back. Where no purchase was found, `line_id` and `order_id` are null and `placed_at` is when they were received."""

FACTS: Final = {"order": ORDERS, "line": LINES, "shipment": SHIPMENTS, "cancellation": CANCELLATIONS, "return": RETURNS}
KEYS: Final = {name: schema.names()[0] for name, schema in FACTS.items()}

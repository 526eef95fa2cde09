"""Projections from the facts: units summed by what they belong to, as (a, b, units)."""

from typing import Any

import sqlalchemy as sa

from data_access.schema.catalog import kit_component
from data_access.schema.orders import order_line


def units(column: Any) -> Any:
    """A sum as an integer: PostgreSQL sums integers to numeric."""
    return sa.cast(sa.func.sum(column), sa.BigInteger)


def by_place(columns: Any, value: Any) -> sa.Select[Any]:
    """A value by the SKU and location of a table."""
    query = sa.select(columns.sku.label("a"), columns.location_id.label("b"), value.label("units"))
    return query.group_by(columns.sku, columns.location_id)


def exploded(quantity: Any, place: Any, source: Any, where: Any) -> sa.Select[Any]:
    """Units by stocked SKU and place: lines of a stocked SKU as they are, lines of a kit by its components."""
    kit = sa.and_(kit_component.c.kit_sku == order_line.c.sku, kit_component.c.kit_version == order_line.c.kit_version)
    sku = sa.case((order_line.c.kit_version > 0, kit_component.c.component_sku), else_=order_line.c.sku)
    per = sa.func.coalesce(kit_component.c.quantity, 1)
    return (
        sa.select(sku.label("a"), place.label("b"), units(quantity * per).label("units"))
        .select_from(source.outerjoin(kit_component, kit))
        .where(where)
        .group_by(sku, place)
    )

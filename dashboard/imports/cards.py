"""A file's preview as the page draws it: what its rows would become, its problems, what would move stock, and the first rows."""

from typing import Any, Final

import polars as pl
import streamlit as st

from dashboard.shell import options, words
from data_access.imports.files.tables import TABLES
from data_access.imports.preview.findings import OUTCOMES, SHOWN, Preview

ROWS_IN_VIEW: Final = 10
"""A grid of more rows scrolls."""

LABELS: Final = {
    "imported": "✚ New",
    "updated": "✎ Update",
    "duplicates": "= Known already",
    "left_out": "○ Left out",
    "waiting": "◷ Not yet an order",
    "quarantined": "✕ To the inbox",
}
_COUNTED: Final = {
    "imported": "new",
    "updated": "may change what is known",
    "duplicates": "known already",
    "left_out": "left out by a rule",
    "waiting": "not yet an order",
    "quarantined": "to the inbox",
}
_STATES: Final = {
    "open": "To ship",
    "shipped": "Shipped",
    "delivered": "Delivered",
    "cancelled": "Cancelled",
    "returned": "Returned",
    "return": "Return",
    "charge": "No goods",
    "write_off": "Write-off",
    "left_out": "Left out",
    "waiting": "Not yet an order",
}
_MOVES: Final = {
    "shipped": "- Shipped",
    "allocated": "○ Reserved for open orders, or backordered",
    "returned": "+ Returned",
    "written_off": "- Written off",
    "history": "= Shipped before the stock was first counted: moves nothing",
    "more": "+ Counted more than the stock now",
    "less": "- Counted less than the stock now",
}
_TIME: Final = "YYYY-MM-DD HH:mm"


def show(preview: Preview) -> None:
    """Draw a preview."""
    parts = [f"{words.units(preview.outcomes[name])} {_COUNTED[name]}" for name in OUTCOMES if preview.outcomes[name]]
    st.markdown(f"**{words.counted(preview.rows, 'row')}: {'; '.join(parts) or 'nothing to import'}**")
    st.caption(words.plain(f"Read as {preview.read_as}."))
    if not preview.moves.is_empty():
        _moves(preview.moves)
    if not preview.problems.is_empty():
        _problems(preview.problems)
    _first(preview)


def _moves(moves: pl.DataFrame) -> None:
    st.markdown("**What would move stock**")
    names = options.offered().location
    shown = moves.with_columns(pl.col("location_id").replace(names), pl.col("what").replace_strict(_MOVES, return_dtype=pl.String))
    st.container(key="import.moves").dataframe(
        shown,
        hide_index=True,
        column_config={
            "location_id": "Location",
            "what": st.column_config.TextColumn("Movement", width="large"),
            "rows": st.column_config.NumberColumn("Rows", format="localized"),
            "units": st.column_config.NumberColumn("Units", format="localized"),
        },
        alt="What would move stock, by location",
    )


def _problems(problems: pl.DataFrame) -> None:
    st.markdown("**Problems, by kind**")
    st.container(key="import.problems").dataframe(
        problems.select("rows", "reason", "line_number", "reference", "remedy"),
        hide_index=True,
        height="content",
        column_config={
            "rows": st.column_config.NumberColumn("Rows", format="localized"),
            "reason": st.column_config.TextColumn("First problem of this kind", width="large"),
            "line_number": st.column_config.NumberColumn("Line", format="plain"),
            "reference": "Reference",
            "remedy": st.column_config.TextColumn("What to do", width="large"),
        },
        placeholder="—",
        alt="Problems of the file by kind, the most frequent first, each with its first row and what to do",
    )


def _first(preview: Preview) -> None:
    rows = preview.first.with_columns(pl.col("outcome").replace_strict(LABELS, return_dtype=pl.String))
    columns = _order_columns(preview.zone) if preview.kind == "orders" else _table_columns(preview.kind)
    if "state" in rows.columns and preview.kind == "orders":
        rows = rows.with_columns(pl.col("state").replace_strict(_STATES, default=None, return_dtype=pl.String))
        empty = [name for name in ("title", "ship_by_local", "reason") if rows[name].null_count() == rows.height]
        rows = rows.select(pl.exclude([*empty, *(["placed_at"] if preview.zone == "UTC" else [])]))
    more = f", the first {SHOWN} of {words.units(preview.rows)}" if preview.rows > rows.height else ""
    st.markdown(f"**Rows as OnHand understands them**{more}")
    st.container(key="import.rows").dataframe(
        rows,
        hide_index=True,
        height="content" if rows.height <= ROWS_IN_VIEW else (ROWS_IN_VIEW + 1) * 35 + 3,
        column_config=columns,
        placeholder="—",
        alt="The first rows of the file as they would be imported",
    )


def _order_columns(zone: str) -> dict[str, Any]:
    return {
        "line_number": st.column_config.NumberColumn("Line", format="plain"),
        "outcome": "What happens",
        "order_ref": "Order",
        "external_sku": "Channel's code",
        "sku": "SKU",
        "title": "Title",
        "quantity": st.column_config.NumberColumn("Units", format="localized"),
        "unit_price": st.column_config.NumberColumn("Unit price", format="%.2f"),
        "currency": "Currency",
        "state": "State",
        "placed_local": st.column_config.DatetimeColumn(f"Placed ({zone})", format=_TIME),
        "placed_at": st.column_config.DatetimeColumn("Placed (UTC)", format=_TIME),
        "ship_by_local": st.column_config.DatetimeColumn(f"Ship by ({zone})", format=_TIME),
        "reason": st.column_config.TextColumn("Problem", width="large"),
    }


def _table_columns(kind: str) -> dict[str, Any]:
    known = next(columns for name, columns in TABLES.items() if name == kind)
    columns: dict[str, Any] = {
        "line_number": st.column_config.NumberColumn("Line", format="plain"),
        "outcome": "What happens",
        "external_sku": "Channel's code",
        "sku": "SKU",
        "name": st.column_config.TextColumn("Name", width="medium"),
        "counted": st.column_config.TextColumn("Units counted", width="medium"),
        "reason": st.column_config.TextColumn("Problem", width="large"),
    }
    for column in known:
        title = _title(column.name)
        if column.type == "time":
            columns[column.name] = st.column_config.DatetimeColumn(f"{title} (UTC)", format=_TIME)
        elif column.type == "units":
            columns[column.name] = st.column_config.NumberColumn(title, format="localized")
        elif column.type == "price":
            columns[column.name] = st.column_config.NumberColumn(title, format="%.2f")
        else:
            columns[column.name] = title
    return columns


def _title(name: str) -> str:
    words_of = name.removesuffix("_id").replace("_on", "").replace("_at", "").replace("_", " ")
    return {"sku": "SKU", "external sku": "Channel's code", "kit sku": "Kit", "component sku": "Component", "moq": "Least order"}.get(
        words_of, words_of.capitalize()
    )

"""Lines of an order that equal one another, told by a file without line ids: which row is of which, whatever the order of the rows.

Such lines are numbered in the order of their rows. If the rows come in another order, a row is of the line that is as far as it says.
"""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data_access.schema.orders import order_line, sales_order
from data_access.write.bulk import in_values

CANCELLED, LEFT, OPEN = "cancelled", "left", "open"
ROW_STATE: Final = (
    pl.when(pl.col("shipped_at").is_not_null())
    .then(pl.lit(LEFT))
    .when(pl.col("cancelled_at").is_not_null())
    .then(pl.lit(CANCELLED))
    .otherwise(pl.lit(OPEN))
)
"""How far a row by `files.orders.ROWS` says that its line is."""


def line_state(quantity: int, shipped: int, cancelled: int) -> str:
    """How far a line of the store is."""
    return LEFT if shipped else CANCELLED if cancelled >= quantity else OPEN


def with_equal_lines(connection: Connection, rows: pl.DataFrame, channel_id: str) -> pl.DataFrame:
    """Rows by `files.orders.ROWS`, of a file without line ids; equal ones of a known order have the numbers of their lines."""
    content = pl.col("line_ref").str.extract(r"^(\d+)\.\d+$")
    lines = rows.lazy().filter(pl.col("code").is_null() & (pl.col("role") == "line"))
    chosen = lines.select("position", "order_ref", "line_ref", "event_ref", content=content, state=ROW_STATE).collect()
    keys = ["order_ref", "content"]
    counts = chosen.group_by(keys).agg(rows=pl.len(), lines=pl.col("line_ref").n_unique())
    equal = counts.filter((pl.col("rows") > 1) & (pl.col("rows") == pl.col("lines")))  # several rows of one line are its packages
    repeated = chosen.join(equal, on=keys, how="semi", maintain_order="left")
    if repeated.is_empty():
        return rows
    states = _states(connection, channel_id, repeated["order_ref"].unique().to_list())
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in repeated.filter(pl.col("order_ref").is_in(list(states))).iter_rows(named=True):
        groups.setdefault((row["order_ref"], row["content"]), []).append(row)
    changes = []
    for (order_ref, number), group in groups.items():
        prefix = f"{number}."
        known = {ref: state for ref, state in states[order_ref].items() if ref.startswith(prefix)}
        refs = _assigned([row["state"] for row in group], known, prefix) if known else [row["line_ref"] for row in group]
        changes += [(row["position"], ref, _renamed(row, ref)) for row, ref in zip(group, refs, strict=True) if ref != row["line_ref"]]
    changed = pl.DataFrame(changes, {"position": pl.Int64, "line_ref": pl.String, "event_ref": pl.String}, orient="row")
    return rows.update(changed, on="position", how="left") if changes else rows


def _states(connection: Connection, channel_id: str, order_refs: list[str]) -> dict[str, dict[str, str]]:
    """By order and line reference."""
    o, line = sales_order.c, order_line.c
    query = (
        sa.select(o.order_ref, line.line_ref, line.quantity, line.shipped_quantity, line.cancelled_quantity)
        .join(sales_order, line.order_id == o.id)
        .where(o.channel_id == channel_id, in_values(connection, o.order_ref, order_refs))
        .order_by(line.id)
    )
    states: dict[str, dict[str, str]] = {}
    for order_ref, line_ref, *units in connection.execute(query):
        states.setdefault(order_ref, {})[line_ref] = line_state(*units)
    return states


def _assigned(said: Sequence[str], known: dict[str, str], prefix: str) -> list[str]:
    """A reference for each row: of a line that is as far as it says, or else of one that may have got there, or else a new one."""
    refs: list[str | None] = [None] * len(said)
    free = dict(known)
    for may_be in ({LEFT: LEFT, CANCELLED: CANCELLED, OPEN: OPEN}, {LEFT: OPEN, CANCELLED: OPEN}, {}):
        for place, state in enumerate(said):
            ref = next((ref for ref, of in free.items() if may_be.get(state, of) == of), None)
            if refs[place] is None and ref is not None and (not may_be or state in may_be):
                refs[place] = ref
                del free[ref]
    unused = (ref for ref in (f"{prefix}{number}" for number in range(1, len(said) + len(known) + 1)) if ref not in known)
    return [next(unused) if ref is None else ref for ref in refs]


def _renamed(row: dict[str, Any], line_ref: str) -> str:
    """The row's event id with another reference of its line."""
    before, after = f"|{row['line_ref']}|", f"|{line_ref}|"
    event_ref: str = row["event_ref"]
    return event_ref.replace(before, after, 1)

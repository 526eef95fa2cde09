"""The demo company's tables as facts."""

from datetime import date

import polars as pl

from data_access.demo.history import make_history
from data_access.domain.facts import FACTS
from data_access.domain.scorecards.subjects import Facts

_TABLES = {"order": "sales_order", "line": "order_line", "shipment": "shipment", "cancellation": "cancellation", "return": "return_line"}


def demo_facts(size: str, seed: int, as_of: date) -> tuple[Facts, pl.DataFrame]:
    """The facts of a demo company's history, and its channels."""
    parts: dict[str, list[pl.DataFrame]] = {}
    for table, frame in make_history(size, seed, as_of).frames:
        parts.setdefault(table, []).append(frame)
    tables = {table: pl.concat(frames) for table, frames in parts.items()}
    of_line = tables["order_line"].select("order_id", "channel_id", "placed_at", line_id="id")
    tables_of_facts = []
    for name, schema in FACTS.items():
        rows = tables[_TABLES[name]].rename({"id": f"{name}_id"})
        if "line_id" in schema and name != "line":
            rows = rows.drop("order_id", "placed_at", strict=False).join(
                of_line if "channel_id" not in rows.columns else of_line.drop("channel_id"), on="line_id", how="left"
            )
        tables_of_facts.append(rows.select(pl.col(column).cast(dtype) for column, dtype in schema.items()).lazy())
    return Facts(*tables_of_facts), tables["channel"]

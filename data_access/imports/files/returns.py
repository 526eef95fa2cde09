"""Which purchase a return belongs to, where the channel does not say."""

from typing import Final

import polars as pl

PURCHASES: Final = {
    "customer": pl.String(),
    "sku": pl.String(),
    "order_ref": pl.String(),
    "line_ref": pl.String(),
    "placed_at": pl.Int64(),
    "left": pl.Int64(),
    "position": pl.Int64(),
}
"""Schema of purchases. `left`: units bought and not yet returned; `position`: in the file, or -1 if the store has it."""

MATCHES: Final = {"position": pl.Int64(), "order_ref": pl.String(), "line_ref": pl.String(), "quantity": pl.Int64()}
"""Schema of `matched`. Several rows of one position: its units are spread; null references: units without a purchase."""


def matched(returns: pl.DataFrame, purchases: pl.DataFrame) -> pl.DataFrame:
    """Give each return the newest earlier purchases of the same customer and SKU that have units left.

    A return takes units from the newest purchase placed at or before it (and taken in before it), then from the one before that, and
    so on; no purchase gives back more than was bought. Units for which no purchase is left, and returns without a customer, stay unmatched.

    Args:
        returns: position, customer, sku, quantity, placed_at; in the order in which they are taken in.
        purchases: by the schema `PURCHASES`.

    """
    keys = ["customer", "sku"]
    wanted = returns.filter(pl.col("customer").is_not_null()).select(keys).unique()
    candidates = purchases.join(wanted, on=keys, how="semi")
    stacks: dict[tuple[str, str], list[list[int]]] = {}
    refs: list[tuple[str, str]] = []
    # Not by position, which changes once a purchase is in the store: an import that goes on after an interruption matches the same.
    ordered = candidates.sort("placed_at", "order_ref", "line_ref")
    for customer, sku, order_ref, line_ref, placed_at, left, taken_in in ordered.select(list(PURCHASES)).iter_rows():
        stacks.setdefault((customer, sku), []).append([placed_at, taken_in, left, len(refs)])
        refs.append((order_ref, line_ref))
    rows: list[tuple[int, str | None, str | None, int]] = []
    for position, customer, sku, quantity, placed_at in returns.select("position", *keys, "quantity", "placed_at").iter_rows():
        missing = quantity
        for purchase in reversed(stacks.get((customer, sku), [])):
            if missing == 0:
                break
            is_earlier = purchase[0] <= placed_at and purchase[1] < position
            units = min(purchase[2], missing) if is_earlier else 0
            if units > 0:
                purchase[2] -= units
                missing -= units
                rows.append((position, *refs[purchase[3]], units))
        if missing:
            rows.append((position, None, None, missing))
    return pl.DataFrame(rows, schema=MATCHES, orient="row")

"""What a newer row of a known line says that cannot be: what happened stands, and the row is listed."""

from collections.abc import Mapping
from typing import Any

from data_access.domain.ledger_state import Line


def contradiction(row: Mapping[str, Any], line: Line, external_sku: str, *, is_package: bool) -> tuple[str, str] | None:
    """A code and one sentence, or None if the row and what is known of its line may both be.

    Args:
        row: by `files.orders.ROWS`.
        line: as the ledger knows it, before the row.
        external_sku: the channel's code that it was placed with.
        is_package: the row's quantity is that of its package, not of the line.

    """
    units, is_void = row["quantity"], row["is_void"]
    is_cancelled, is_shipped = row["cancelled_at"] is not None, row["shipped_at"] is not None
    left = line.quantity - line.shipped - line.cancelled
    if row["external_sku"] != external_sku:
        said = f"The row is of {row['external_sku']}, and its line was placed as {external_sku}: a line keeps its item."
        return "other_item", said
    if line.shipped and left == 0 and not is_void:
        if is_cancelled and not line.cancelled:
            return "cancelled_after_leaving", f"The row says cancelled, and {_units(line.shipped)} had left: what comes back is a return."
        if units < line.shipped and not is_package:
            return "fewer_than_left", f"The row says {_units(units)}, and {line.shipped} had left: what comes back is a return."
        if row["says_state"] and not is_shipped and not is_cancelled:
            return "open_after_leaving", f"The row says that nothing has left, and {_units(line.shipped)} had: what happened stands."
    return None


def _units(units: int) -> str:
    return "1 unit" if units == 1 else f"{units} units"

"""What a preview of a file says: one shape for all kinds of files."""

from dataclasses import dataclass
from typing import Final

import polars as pl

SHOWN: Final = 200
"""The most rows that a preview shows."""

OUTCOMES: Final = ("imported", "updated", "duplicates", "left_out", "waiting", "quarantined")
"""What rows would become, as the accounting of an import names it. Whether a changed row is `ignored` is known only when it is written."""

MOVES: Final = pl.Schema({"location_id": pl.String, "what": pl.String, "rows": pl.Int64, "units": pl.Int64})
"""What would move or tie stock. `what`: shipped, allocated, returned, written_off, history (shipped before the first count or opening,
which moves nothing), more or less (of counts: than the stock now)."""

PROBLEMS: Final = pl.Schema(
    {"code": pl.String, "rows": pl.Int64, "line_number": pl.Int64, "reference": pl.String, "reason": pl.String, "remedy": pl.String}
)
"""By kind of problem: how many rows have it, and the first of them."""

UNKNOWN: Final = pl.Schema(
    {"what": pl.String, "channel_id": pl.String, "code": pl.String, "title": pl.String, "rows": pl.Int64, "units": pl.Int64}
)
"""What rows name and the store lacks. `what`: listing (of the channel), sku, location or channel."""

_REMEDIES: Final = {
    "unknown_listing": "Create the product or map the code below, or leave it: its rows wait in the inbox.",
    "unknown_sku": "Create the product below, or import a file of products first.",
    "unknown_location": "Create the location below, or import a file of locations first.",
    "unknown_channel": "Import a file of channels first.",
    "unknown_status": "Add the word to [status] of a mapping of your own, and import by that.",
    "undecodable": "Save the file as UTF-8 and drop it again.",
    "open_quote": "Close the quote in the file and drop it again.",
}
_REMEDY: Final = "Mend the rows in the inbox after the import, or mend the file and drop it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A file as OnHand understands it, before anything is written.

    `mapping`: its name, for people; `read_as`: encoding and delimiter, or the sheet; `zone`: the time zone of the local times, empty
    where there are none; `rows`: how many were read; `outcomes`: rows by `OUTCOMES`; `first`: the first rows, by the schema of the
    kind; `moves`, `problems` and `unknown` by `MOVES`, `PROBLEMS` and `UNKNOWN`.
    """

    kind: str
    mapping: str
    read_as: str
    zone: str
    rows: int
    outcomes: dict[str, int]
    first: pl.DataFrame
    moves: pl.DataFrame
    problems: pl.DataFrame
    unknown: pl.DataFrame


def outcomes_of(rows: pl.DataFrame) -> dict[str, int]:
    """How many rows have each `outcome`."""
    counts = dict(rows["outcome"].value_counts().iter_rows())
    return {name: counts.get(name, 0) for name in OUTCOMES}


def problems_of(rows: pl.DataFrame) -> pl.DataFrame:
    """`PROBLEMS` of rows with code, reason, reference and line_number, the most frequent first."""
    bad = rows.filter(pl.col("code").is_not_null()).sort("line_number")
    grouped = bad.group_by("code", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("rows"), pl.col("line_number", "reference", "reason").first()
    )
    remedy = pl.col("code").replace_strict(_REMEDIES, default=_REMEDY, return_dtype=pl.String)
    return grouped.with_columns(remedy=remedy).sort("rows", descending=True, maintain_order=True).select(PROBLEMS.names()).cast(PROBLEMS)
